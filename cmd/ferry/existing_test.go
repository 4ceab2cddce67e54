package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/awstest"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// page is one of docs/existing-code: a project in blocks that are named like its files, and what to type.
type page struct {
	files map[string]string
	steps []step
}

// step is a command, and what it prints.
type step struct{ command, prints string }

var block = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\S+))?\n(.*?)^```$")

func readPage(t *testing.T, file string) page {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := page{files: map[string]string{}}
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		switch {
		case m[2] != "":
			p.files[m[2]] = m[3]
		case m[1] == "console":
			for line := range strings.Lines(m[3]) {
				if command, ok := strings.CutPrefix(line, "$ "); ok {
					p.steps = append(p.steps, step{command: strings.TrimSpace(command)})
				} else if n := len(p.steps); n > 0 {
					p.steps[n-1].prints += line
				}
			}
		}
	}
	return p
}

// needs are the programs that the page's commands and functions are for.
func (p page) needs() []string {
	var tools []string
	yaml := p.files["ferry.yaml"]
	for tool, has := range map[string]bool{
		"node": strings.Contains(yaml, "nodejs"), "npm": p.files["package.json"] != "", "python3": strings.Contains(yaml, "python"),
		"go": strings.Contains(yaml, "runtime: go"),
	} {
		if has {
			tools = append(tools, tool)
		}
	}
	return tools
}

// walk types the page's commands in a folder that has its files, and compares what ferry prints.
func (p page) walk(t *testing.T, dir string, env ...string) {
	t.Helper()
	for _, s := range p.steps {
		out, errs := typed(t, dir, s.command, env...)
		if !strings.HasPrefix(s.command, "ferry invoke") {
			continue
		}
		if diff := cmp.Diff(strings.TrimSpace(s.prints), strings.TrimSpace(out)); diff != "" {
			t.Errorf("%s: %s\n%s", s.command, diff, errs)
		}
	}
}

// typed is what a command prints that is typed in a folder. It must succeed.
func typed(t *testing.T, dir, command string, env ...string) (out, errs string) {
	t.Helper()
	var printed, complained bytes.Buffer
	c := exec.Command("sh", "-c", command)
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, append(os.Environ(), env...), &printed, &complained
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, printed.String(), complained.String())
	}
	return printed.String(), complained.String()
}

// furnish makes what the pages' events come from.
func furnish(t *testing.T, cloud *awstest.Cloud) {
	t.Helper()
	config := aws.Config{
		Region: awstest.Region, BaseEndpoint: aws.String(cloud.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKey, awstest.SecretKey, ""),
	}
	_, err := sqs.NewFromConfig(config).CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String("orders"), Attributes: map[string]string{"VisibilityTimeout": "60"},
	})
	if err == nil {
		_, err = sns.NewFromConfig(config).CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("orders")})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCodeThatExistsRunsAsItsPageSays walks every page on the local platform and, with the same answers, on AWS.
func TestCodeThatExistsRunsAsItsPageSays(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/existing-code/*.md")
	if err != nil || len(files) < 7 {
		t.Fatalf("found %d pages: %v", len(files), err)
	}
	pages := sample.Of(t, 2)
	for _, file := range files {
		if !pages.Takes() {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) {
			p := readPage(t, file)
			packagertest.Registries(t, p.needs()...)
			dir := t.TempDir()
			if strings.Contains(p.files["ferry.yaml"], "python3.13") { // whose packages are for that version
				p.files["ferry.yaml"] = strings.ReplaceAll(p.files["ferry.yaml"], "python3.13", string(packagertest.ThisPython(t)))
			}
			for name, text := range p.files {
				packagertest.Write(t, filepath.Join(dir, name), text)
			}
			home := t.TempDir()
			t.Cleanup(func() { stop(t, home) })
			p.walk(t, dir, "FERRY_HOME="+home)
			cloud := awstest.Start(t)
			furnish(t, cloud)
			p.walk(t, dir, append(cloud.Environ(), "FERRY_HOME="+home, "FERRY_TARGET=aws")...)
		})
	}
}

// TestAStarterOfAFrameworkServes walks the starters that have something to install.
func TestAStarterOfAFrameworkServes(t *testing.T) {
	t.Parallel()
	starters := sample.Of(t, 2)
	for _, c := range []struct{ name, tool, path string }{
		{"node-gcf", "npm", "/"}, {"python-gcf", "python3", "/"}, {"node-azure", "npm", "/api/greet"}, {"python-azure", "python3", "/api/greet"},
	} {
		if !starters.Takes() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			packagertest.Registries(t, c.tool)
			home, dir := t.TempDir(), t.TempDir()
			t.Cleanup(func() { stop(t, home) })
			page{steps: []step{
				{"ferry init . --template " + c.name, ""},
				{"if [ -f package.json ]; then npm install --silent --no-audit --no-fund; fi", ""},
				{"sed -i.old s/python3.13/" + string(packagertest.ThisPython(t)) + "/ ferry.yaml", ""},
				{"ferry deploy", ""},
				{"ferry invoke api -p '" + c.path + "?name=you' | tr -d ' \n'", `{"message":"hello,you"}`},
			}}.walk(t, dir, "FERRY_HOME="+home)
		})
	}
}
