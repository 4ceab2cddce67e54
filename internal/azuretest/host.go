package azuretest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"
)

// launched is what the worker of an app starts from, as the app is now.
func (c *Cloud) launched(s *site) launched {
	c.mu.Lock()
	defer c.mu.Unlock()
	return launched{answering: c.answering, code: s.code, runtime: text(s.config, "runtime", "name"), environment: c.processEnvironment(s), log: func(line string) { c.trace(s, line) }}
}

// processEnvironment is the settings of an app, with what they refer to, and what the platform adds.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-app-settings; learn.microsoft.com/azure/app-service/overview-managed-identity.
func (c *Cloud) processEnvironment(s *site) []string {
	env := map[string]string{
		"WEBSITE_SITE_NAME": s.is.name, "WEBSITE_HOSTNAME": s.host, "WEBSITE_INSTANCE_ID": newID(), "WEBSITE_SKU": "FlexConsumption", "REGION_NAME": s.is.location,
		"FUNCTIONS_WORKER_RUNTIME": text(s.config, "runtime", "name"), "FUNCTIONS_EXTENSION_VERSION": "~4", "AzureWebJobsScriptRoot": "/home/site/wwwroot", "WEBSITE_OWNER_NAME": Subscription,
		"IDENTITY_ENDPOINT": c.Endpoint() + "/msi/token", "IDENTITY_HEADER": s.masterKey, "HOME": "/home", "PATH": programs(), "LANG": "C.UTF-8",
		"SSL_CERT_FILE": c.ca.file, "NODE_EXTRA_CA_CERTS": c.ca.file, "REQUESTS_CA_BUNDLE": c.ca.file, "HTTPS_PROXY": c.proxy.URL, "NO_PROXY": "127.0.0.1,localhost",
	}
	for name, value := range s.settings {
		if ref := c.resolve(s, value); ref != nil && ref.status == "Resolved" {
			value = ref.value // one that is not resolved is seen as it stands
		}
		env[strings.ReplaceAll(name, ".", "_")] = value
	}
	var all []string
	for _, name := range sortedKeys(env) {
		all = append(all, name+"="+env[name])
	}
	return all
}

// programs is a PATH with the interpreters of this machine.
func programs() string {
	folders := []string{}
	for _, name := range []string{"node", "python3"} {
		if path, err := exec.LookPath(name); err == nil {
			folders = append(folders, path[:strings.LastIndexAny(path, `/\`)])
		}
	}
	return strings.Join(append(folders, "/usr/local/bin", "/usr/bin", "/bin"), ":")
}

// admin is the interface of the host for administrators: its state, and running a function by hand.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http.
func (c *Cloud) admin(w http.ResponseWriter, r *http.Request, s *site, serving *worker) {
	if !s.admitted(r, "", "admin") {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path := strings.Trim(r.URL.Path, "/")
	name, isFunction := strings.CutPrefix(path, "admin/functions/")
	switch {
	case path == "admin/host/status":
		_ = json.NewEncoder(w).Encode(s.status())
	case path == "admin/host/ping":
		w.WriteHeader(http.StatusOK)
	case path == "admin/host/synctriggers" && r.Method == http.MethodPost:
		c.mu.Lock()
		_, err := c.syncTriggers(s, nil)
		c.mu.Unlock()
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(object{"status": "success"})
	case path == "admin/functions" && r.Method == http.MethodGet && serving != nil:
		// Azure/azure-functions-host, src/WebJobs.Script.WebHost/Controllers/FunctionsController.cs, List.
		all := []object{}
		for _, f := range serving.all {
			all = append(all, object{"name": f.Name, "language": f.Language, "isDisabled": s.disabled(f.Name), "config": object{"bindings": f.Bindings}})
		}
		_ = json.NewEncoder(w).Encode(all)
	case isFunction && r.Method == http.MethodPost && serving != nil:
		c.runByHand(w, r, s, serving, name)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *Cloud) runByHand(w http.ResponseWriter, r *http.Request, s *site, serving *worker, name string) {
	var given struct {
		Input string `json:"input"`
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, f := range serving.all {
		if strings.EqualFold(f.Name, name) {
			go func() { _ = c.run(context.WithoutCancel(r.Context()), s, f, object{"string": given.Input}, nil) }() // nobody hears of it, as on Azure
			w.WriteHeader(http.StatusAccepted)
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// run invokes a function that is not HTTP.
func (c *Cloud) run(ctx context.Context, s *site, f functionInfo, data object, metadata map[string]any) error {
	w := s.serving()
	switch {
	case w == nil:
		return errors.New("the app has no code")
	case w.failed != nil:
		return w.failed
	}
	began := time.Now()
	err := w.invoke(ctx, f, data, metadata)
	c.executed(s, f, err == nil, time.Since(began))
	if err != nil {
		c.trace(s, fmt.Sprintf("Executed 'Functions.%s' (Failed): %v", f.Name, err))
	}
	return err
}

func (w *worker) invoke(ctx context.Context, f functionInfo, data object, metadata map[string]any) error {
	name := ""
	for _, b := range f.Bindings {
		if strings.HasSuffix(lower(text(b, "type")), "trigger") {
			name = text(b, "name")
		}
	}
	if w.custom {
		_, err := w.customInvoke(ctx, f, map[string]any{name: customData(data)}, metadata)
		return err
	}
	wrapped := map[string]any{}
	for key, value := range metadata {
		raw, err := json.Marshal(value)
		if err != nil {
			return err
		}
		wrapped[key] = object{"json": string(raw)}
	}
	var said outcome
	call := invocation{ID: newID(), Name: name, Data: data, Metadata: wrapped}
	if err := w.ask(ctx, http.MethodPost, "/invoke/"+url.PathEscape(f.Name), call, &said); err != nil {
		return err
	}
	if said.Error != "" {
		return errors.New(said.Error)
	}
	return nil
}

// customData is a trigger's value as a custom handler gets it.
func customData(data object) any {
	if raw, ok := data["json"].(string); ok {
		return json.RawMessage(raw)
	}
	if raw, ok := data["bytes"]; ok {
		return raw
	}
	return data["string"]
}

type customAnswer struct {
	Outputs     map[string]any
	Logs        []string
	ReturnValue any
}

// customInvoke hands an invocation to a custom handler.
//
// Source: learn.microsoft.com/azure/azure-functions/functions-custom-handlers, "Request payload".
func (w *worker) customInvoke(ctx context.Context, f functionInfo, data, metadata map[string]any) (*customAnswer, error) {
	all := map[string]any{"sys": object{"MethodName": f.Name, "UtcNow": stamp(now()), "RandGuid": newID()}}
	for name, value := range metadata {
		all[name] = value
	}
	body, err := json.Marshal(object{"Data": data, "Metadata": all})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address+"/"+url.PathEscape(f.Name), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Azure-Functions-Invocationid", newID())
	req.Header.Set("X-Azure-Functions-Hostversion", "4.1041.200.0")
	res, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, fmt.Errorf("the custom handler answered %s: %s", res.Status, said)
	}
	answer := &customAnswer{}
	if len(bytes.TrimSpace(said)) > 0 {
		if err := json.Unmarshal(said, answer); err != nil {
			return nil, fmt.Errorf("the custom handler's answer is no JSON: %w", err)
		}
	}
	return answer, nil
}

// customHTTP is a request that goes to a custom handler as an invocation, and whose answer is an output.
func (w *worker) customHTTP(out http.ResponseWriter, r *http.Request, f functionInfo, data object) {
	given := data["http"].(object)
	body, _ := base64.StdEncoding.DecodeString(given["body"].(string)) // made here
	headers := object{}
	for name, values := range r.Header {
		headers[name] = values
	}
	request := object{"Url": given["url"], "Method": r.Method, "Query": given["query"], "Headers": headers, "Params": given["params"], "Body": string(body), "Identities": []any{}}
	answer, err := w.customInvoke(r.Context(), f, map[string]any{text(f.trigger("httpTrigger"), "name"): request}, nil)
	if err != nil {
		out.WriteHeader(http.StatusInternalServerError)
		return
	}
	result := answer.ReturnValue
	if name := text(f.trigger("http"), "name"); name != "$return" {
		result = answer.Outputs[name]
	}
	of, ok := result.(object)
	if !ok {
		_, _ = io.WriteString(out, asText(result))
		return
	}
	fields, _ := dig(of, "headers").(object)
	for name, value := range fields {
		out.Header().Set(name, asText(value))
	}
	status := http.StatusOK
	for _, name := range []string{"statusCode", "status"} {
		if n, err := fmt.Sscan(asText(dig(of, name)), &status); n == 1 && err == nil {
			break
		}
	}
	out.WriteHeader(status)
	_, _ = io.WriteString(out, asText(dig(of, "body")))
}
