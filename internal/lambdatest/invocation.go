package lambdatest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const unhandled = "Unhandled"

// invocation is one event on its way through the function.
type invocation struct {
	function Function
	id       string
	payload  []byte
	deadline time.Time

	began    time.Time
	initTook time.Duration // 0 when the process was there already
	loading  string        // what the process wrote while it loaded
	log      string        // what it wrote since
	memory   int           // most that the process has used, in MB
	answered bool
	status   string // of the report, when it is not success
	result   Result
}

func newInvocation(f Function, payload []byte) (*invocation, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	return &invocation{function: f, id: id, payload: payload}, nil
}

func (i *invocation) begin() { i.began = time.Now() }

// interrupt notes what came in the way of the invocation. A stream that is out already stays what it is, and so
// does the answer of a process that then ended.
func (i *invocation) interrupt(said message) {
	answer := i.result
	switch {
	case i.answered && said.kind != expired:
	case i.answered && answer.Streamed:
		i.fail(said)
		i.result.Payload, i.result.ContentType, i.result.Streamed = answer.Payload, answer.ContentType, true
	default:
		i.fail(said)
	}
}

// fail makes the result of what the process said, or of its end.
func (i *invocation) fail(said message) {
	i.result = Result{FunctionError: unhandled, ContentType: "application/json"}
	problem := map[string]string{}
	switch said.kind {
	case erred, initFailed:
		i.result.Payload = said.body
		i.status = "error\tError Type: " + said.errorType
		return
	case expired:
		i.status = "timeout"
		problem["errorType"] = "Sandbox.Timedout"
		problem["errorMessage"] = fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", i.id, i.function.Timeout.Seconds())
	default:
		i.status = "error\tError Type: Runtime.ExitError"
		problem["errorType"] = "Runtime.ExitError"
		problem["errorMessage"] = fmt.Sprintf("RequestId: %s Error: %s", i.id, said.exit)
	}
	data, err := json.Marshal(problem)
	if err != nil {
		panic(err) // strings always have a JSON form
	}
	i.result.Payload = data
}

// report puts Lambda's own lines around what the process wrote.
func (i *invocation) report() {
	took := time.Since(i.began)
	var out strings.Builder
	out.WriteString(lines(i.loading))
	fmt.Fprintf(&out, "START RequestId: %s Version: %s\n", i.id, i.function.Version)
	out.WriteString(lines(i.log))
	if i.status == "timeout" {
		fmt.Fprintf(&out, "%s %s Task timed out after %.2f seconds\n\n", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), i.id, i.function.Timeout.Seconds())
	}
	fmt.Fprintf(&out, "END RequestId: %s\n", i.id)
	billed := (took + i.initTook + time.Millisecond - 1).Truncate(time.Millisecond)
	fmt.Fprintf(&out, "REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		i.id, milliseconds(took), billed.Milliseconds(), i.function.MemoryMB, i.memory)
	if i.initTook > 0 {
		fmt.Fprintf(&out, "Init Duration: %s ms\t", milliseconds(i.initTook))
	}
	if i.status != "" {
		fmt.Fprintf(&out, "Status: %s", i.status)
	}
	out.WriteString("\n")
	i.result.Log = out.String()
}

// lines is text with a line break at its end.
func lines(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000)
}
