package examples_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/sample"
)

// Nothing of ferry is there when what it ejected runs: the template says what Lambda starts, and that is started.
func TestEveryEjectedExampleServesWithoutFerry(t *testing.T) {
	s := sample.Of(t, 3)
	for _, e := range examples() {
		if e.name == "server-app" || !s.Takes() { // programs need the layer of the Lambda Web Adapter, which is no part of ferry
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.needs(t)
			d := &deployed{T: t, dir: filepath.Join(t.TempDir(), e.name), home: t.TempDir()}
			if err := os.CopyFS(d.dir, os.DirFS(e.name)); err != nil {
				t.Fatal(err)
			}
			if len(e.prepare) > 0 {
				d.command(e.prepare[0], e.prepare[1:]...)
			}
			d.add(cloud{target: "aws", block: "{provider: aws, region: eu-west-1}"})
			d.env = append(d.env, "SHORTENER_DB="+filepath.Join(d.home, "links.db"))
			d.command(binary, "eject", "-t", "aws", "-o", "native")
			d.starts(filepath.Join(d.dir, "native"))
		})
	}
}

// starts starts each function as its template says, and asks for the path by which the example is known to be well.
func (d *deployed) starts(folder string) {
	d.Helper()
	var template struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				CodeURI     string `yaml:"CodeUri"`
				Handler     string `yaml:"Handler"`
				Runtime     string `yaml:"Runtime"`
				Timeout     int    `yaml:"Timeout"`
				Environment struct {
					Variables map[string]string `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	text, err := os.ReadFile(filepath.Join(folder, "template.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &template)
	}
	if err != nil {
		d.Fatal(err)
	}
	path := "/healthz"
	if strings.HasSuffix(d.dir, "azure-app") {
		path = "/api/healthz"
	}
	started := 0
	for id, r := range template.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		started++
		p := r.Properties
		env, err := lambdatest.Start(d.Context(), lambdatest.Function{
			Dir: filepath.Join(folder, p.CodeURI), Runtime: p.Runtime, Handler: p.Handler, Env: p.Environment.Variables, Timeout: time.Duration(p.Timeout) * time.Second,
		})
		if err != nil {
			d.Fatal(err)
		}
		d.Cleanup(func() { _ = env.Close() })
		res, err := env.Invoke(d.Context(), []byte(`{"version":"2.0","rawPath":"`+path+`","rawQueryString":"","headers":{"host":"example.com"},"requestContext":{"domainName":"example.com","http":{"method":"GET","path":"`+path+`","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":""},"requestId":"1","timeEpoch":1},"isBase64Encoded":false}`))
		var answer struct{ StatusCode int }
		_ = json.Unmarshal(res.Payload, &answer) // what is no object is the body of an answer with 200
		if err != nil || res.FunctionError != "" || answer.StatusCode >= 300 {
			d.Errorf("%s: %v %s %s\n%s", id, err, res.FunctionError, res.Payload, res.Log)
		}
	}
	if started == 0 {
		d.Errorf("the template has no function:\n%s", text)
	}
}
