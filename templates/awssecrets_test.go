package templates_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ferryfn/ferry/templates"

	"github.com/ferryfn/ferry/manifest"
)

// moto starts a stand-in for AWS and returns its address.
func moto(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is missing")
	}
	if exec.Command(python, "-c", "import moto.server").Run() != nil {
		t.Skip("moto is missing: python3 -m pip install 'moto[server]'")
	}
	addr := templates.FreeAddr(t)
	cmd := exec.Command(python, "-m", "moto.server", "-H", "127.0.0.1", "-p", addr[strings.LastIndex(addr, ":")+1:])
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		if res, err := http.Get("http://" + addr + "/moto-api/data.json"); err == nil {
			res.Body.Close()
			return "http://" + addr
		}
	}
	t.Fatal("moto did not start")
	return ""
}

// sdk is what the managed runtimes carry: variables that make a function find AWS's SDK.
func sdk(t *testing.T, p program) settings {
	t.Helper()
	switch p.runtime.Language() {
	case "nodejs":
		dir, err := nodeSDK()
		if err != nil {
			t.Skipf("@aws-sdk is missing: %v", err)
		}
		return settings{"NODE_PATH": dir}
	case "python":
		out, err := exec.Command("python3", "-c", "import boto3, os; print(os.path.dirname(os.path.dirname(boto3.__file__)))").Output()
		if err != nil {
			t.Skip("boto3 is missing: python3 -m pip install boto3")
		}
		return settings{"PYTHONPATH": strings.TrimSpace(string(out))}
	default:
		return nil
	}
}

// nodeSDK installs the SDK for Node once per machine and returns its folder of modules.
var nodeSDK = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	const version = "@3"
	dir := filepath.Join(cache, "ferry-tests", "aws-sdk-with-s3"+version)
	done := filepath.Join(dir, "done")
	if _, err := os.Stat(done); err != nil {
		npm := exec.Command("npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--no-save", "--loglevel=error",
			"@aws-sdk/client-secrets-manager"+version, "@aws-sdk/client-ssm"+version, "@aws-sdk/client-s3"+version)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if out, err := npm.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
		}
		if err := os.WriteFile(done, nil, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "node_modules"), nil
})

// credentials are those that the test's Lambda gives.
func credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "example", SessionToken: "example"}
}

func staticCredentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials(), nil })
}

// vault fills the stand-in with values in two versions and returns references to the first ones by their kind.
func vault(t *testing.T, endpoint string) map[string]string {
	t.Helper()
	ctx := t.Context()
	manager := secretsmanager.New(secretsmanager.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: staticCredentials()})
	refs := map[string]string{}
	for kind, in := range map[string]*secretsmanager.CreateSecretInput{
		"text":   {Name: aws.String("shop/text"), SecretString: aws.String("first value")},
		"binary": {Name: aws.String("shop/binary"), SecretBinary: []byte("first value")},
	} {
		made, err := manager.CreateSecret(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := manager.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("second value")}); err != nil {
			t.Fatal(err)
		}
		refs[kind] = "secretsmanager:" + *made.ARN + "#" + *made.VersionId
	}
	store := ssm.New(ssm.Options{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: staticCredentials()})
	for _, value := range []string{"first value", "second value"} {
		if _, err := store.PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String("/shop/parameter"), Value: &value, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		}); err != nil {
			t.Fatal(err)
		}
	}
	refs["parameter"] = "ssm:/shop/parameter#1"
	return refs
}

func secretsOf(t *testing.T, references map[string]string) string {
	t.Helper()
	data, err := json.Marshal(references)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withSecrets has the shim resolve what FERRY_SECRETS names, which it does for functions with secrets alone.
func withSecrets(fn *manifest.Function) { fn.Secrets = map[string]string{"TOKEN": "shop"} }

func TestOnAWSSecretsAreThereBeforeTheHandlerLoads(t *testing.T) {
	t.Parallel()
	endpoint := moto(t)
	refs := vault(t, endpoint)
	t.Run("of", func(t *testing.T) { // ends before the stand-in does
		each(t, apps(), func(t *testing.T, p program) {
			for kind, ref := range refs {
				env := settings{"AWS_ENDPOINT_URL": endpoint, "FERRY_SECRETS": secretsOf(t, map[string]string{"TOKEN": ref, "OTHER": refs["parameter"]})}
				maps.Copy(env, sdk(t, p))
				l := p.deploy(t, env, withSecrets)
				r := l.invoke(urlEvent("GET", "/", nil))
				var got struct{ Token string }
				if r.FunctionError != "" {
					t.Fatalf("%s: %s\n%s", kind, r.Payload, r.Log)
				}
				if err := json.Unmarshal([]byte(received(t, r).body), &got); err != nil || got.Token != "first value" {
					t.Errorf("%s: the handler found %q, %v", kind, got.Token, err)
				}
			}
		})
	})
}

func TestOnAWSASecretThatCannotBeHadStopsTheFunctionAndIsNamed(t *testing.T) {
	t.Parallel()
	endpoint := moto(t)
	refs := vault(t, endpoint)
	text := refs["text"]
	bad := map[string]string{
		"VERSION": text[:strings.LastIndex(text, "#")] + "#00000000-0000-0000-0000-000000000000",
		"ABSENT":  "secretsmanager:shop/absent#00000000-0000-0000-0000-000000000000",
		"PARAM":   "ssm:/shop/absent#1",
		"SCHEME":  "vault:shop#1",
		"UNFIT":   "ssm:/shop/parameter",
	}
	all := maps.Clone(bad)
	all["TOKEN"] = text
	t.Run("of", func(t *testing.T) {
		each(t, apps(), func(t *testing.T, p program) {
			env := settings{"AWS_ENDPOINT_URL": endpoint, "FERRY_SECRETS": secretsOf(t, all)}
			maps.Copy(env, sdk(t, p))
			r := p.deploy(t, env, withSecrets).invoke([]byte(`{"dev.ferry.probe": true}`))
			said := string(r.Payload) + r.Log
			if r.FunctionError == "" {
				t.Errorf("the function started: %s", r.Payload)
			}
			for name, ref := range bad {
				if !strings.Contains(string(r.Payload), name+" ("+ref+")") {
					t.Errorf("%s is not named: %s", name, r.Payload)
				}
			}
			for _, never := range []string{"first value", "second value", "TOKEN", "importing"} {
				if strings.Contains(said, never) {
					t.Errorf("%q was said:\n%s", never, said)
				}
			}
		})
	})
}

func TestOnAWSGoSignsAsTheSDKDoesAndTriesAgain(t *testing.T) {
	t.Parallel()
	var calls int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if want := signedBySDK(t, r, body); r.Header.Get("Authorization") != want {
			t.Errorf("signed with\n%s, want\n%s", r.Header.Get("Authorization"), want)
		}
		if got := r.Header.Get("X-Amz-Target") + " " + string(body); got != `secretsmanager.GetSecretValue {"SecretId":"shop","VersionId":"v1"}` {
			t.Errorf("called %s", got)
		}
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"SecretString":"of the server"}`)
	}))
	t.Cleanup(server.Close)
	p := apps()[2]
	l := p.deploy(t, settings{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL, "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
		"FERRY_SECRETS": `{"TOKEN":"secretsmanager:shop#v1"}`,
	})
	if a := l.do("GET", "/", nil); !strings.Contains(a.body, "of the server") || calls != 2 {
		t.Errorf("got %s after %d calls", a.body, calls)
	}
}

// signedBySDK is the authorization that AWS's own SDK gives a request.
func signedBySDK(t *testing.T, r *http.Request, body []byte) string {
	t.Helper()
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Content-Type", "X-Amz-Target"} {
		again.Header.Set(name, r.Header.Get(name))
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials(), again, hex.EncodeToString(sum[:]), "secretsmanager", "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	return again.Header.Get("Authorization")
}

func TestOnAWSGoSendsNoSecretOverPlainHTTP(t *testing.T) {
	t.Parallel()
	r := apps()[2].deploy(t, settings{
		"AWS_ENDPOINT_URL": "http://secrets.example", "FERRY_SECRETS": `{"TOKEN":"secretsmanager:shop#v1"}`,
	}).invoke([]byte(`{"dev.ferry.probe": true}`))
	if r.FunctionError == "" || !strings.Contains(string(r.Payload), "is not https") {
		t.Errorf("got %s", r.Payload)
	}
}
