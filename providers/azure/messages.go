package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"golang.org/x/sync/errgroup"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/providers"
)

var _ providers.Messenger = (*Adapter)(nil)

// carrier is what the messages of an event wait in: a queue of the storage account, or something that Resource Manager knows.
type carrier struct {
	Kind     string `json:"kind"`            // queue, topic or object
	Name     string `json:"name"`            // as the manifest has it
	Queue    string `json:"queue,omitempty"` // of Azure Storage
	ID       string `json:"id,omitempty"`    // of Service Bus a queue or a subscription; of Event Grid a topic or an account
	Attempts int    `json:"attempts,omitempty"`
	Opens    bool   `json:"opens,omitempty"` // whether the function takes a CloudEvent in a message for what it holds
}

// hostAttempts is how often the host hands a message of Azure Storage over where nothing else is said.
const hostAttempts = 5

// carriersOf are those of a function's events.
func (c *connection) carriersOf(fn function) []carrier {
	var all []carrier
	opens := fn.Shimmed() && !fn.native()
	for _, e := range fn.Events {
		switch {
		case e.Queue != nil && fn.own.ServiceBus == "":
			attempts := e.Queue.Attempts
			if attempts == 0 {
				attempts = hostAttempts
			}
			all = append(all, carrier{Kind: "queue", Name: e.Queue.Name, Queue: fn.own.resource(e.Queue.Name), Attempts: attempts, Opens: opens})
		case e.Queue != nil:
			all = append(all, carrier{Kind: "queue", Name: e.Queue.Name, ID: c.resource(busNamespaces, fn.own.ServiceBus) + "/queues/" + fn.own.resource(e.Queue.Name)})
		case e.Topic != nil && fn.gridded(e):
			all = append(all, carrier{Kind: "topic", Name: e.Topic.Name, ID: c.resource("Microsoft.EventGrid/topics", fn.own.resource(e.Topic.Name))})
		case e.Topic != nil:
			topic := c.resource(busNamespaces, fn.own.ServiceBus) + "/topics/" + fn.own.resource(e.Topic.Name)
			all = append(all, carrier{Kind: "topic", Name: e.Topic.Name, ID: topic + "/subscriptions/" + c.busSubscription(fn.Name)})
		case e.Object != nil:
			all = append(all, carrier{Kind: "object", Name: e.Object.Bucket, ID: c.objects(fn, e.Object).Source})
		}
	}
	return all
}

// onBus reports whether messages wait in Service Bus.
func (k carrier) onBus() bool { return strings.Contains(k.ID, "/"+busNamespaces+"/") }

// target is where messages for a carrier are sent: of a subscription its topic.
func (k carrier) target() string {
	topic, _, _ := strings.Cut(k.ID, "/subscriptions/"+lastPart(k.ID))
	if !k.onBus() || !strings.Contains(k.ID, "/topics/") {
		topic = k.ID
	}
	return topic + k.Queue
}

// bound is a carrier of a function that is live.
type bound struct {
	carrier
	function string
}

// bound are the carriers of all functions of the service and stage, as what is live reads them.
func (c *connection) bound(ctx context.Context) ([]bound, error) {
	sites, err := c.sites(ctx)
	if err != nil {
		return nil, err
	}
	found := make([][]bound, len(sites))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i, s := range sites {
		fn := s.Tags[tagged().Key("function")]
		if fn == "" || !c.owns(s.Tags, fn) {
			continue
		}
		g.Go(func() error {
			at, err := c.app(fn)
			if err != nil {
				return err
			}
			is, _, err := at.claim(ctx)
			if err != nil {
				return err
			}
			r, err := at.record(ctx, is.Live)
			if err != nil || r == nil {
				return err
			}
			for _, k := range r.Carriers {
				found[i] = append(found[i], bound{k, fn})
			}
			return nil
		})
	}
	err = g.Wait()
	all := slices.Concat(found...)
	slices.SortStableFunc(all, func(a, b bound) int {
		return strings.Compare(a.Kind+" "+a.Name+" "+a.function, b.Kind+" "+b.Name+" "+b.function)
	})
	return all, err
}

// Send puts a message where functions of the service that are live read it from. One that none reads is not sent.
func (a *Adapter) Send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	c, err := a.connect(ctx)
	var sent providers.Sent
	if err == nil {
		sent, err = c.send(ctx, m)
	}
	return sent, a.classify("send", "", err)
}

func (c *connection) send(ctx context.Context, m providers.Message) (providers.Sent, error) {
	all, err := c.bound(ctx)
	if err != nil {
		return providers.Sent{}, err
	}
	all = slices.DeleteFunc(all, func(b bound) bool { return b.Kind != m.Kind || b.Name != m.Name })
	if len(all) == 0 {
		return providers.Sent{}, fail(providers.NotFound, "send", "", "deploy a function with the event first", "no function takes messages of the %s %s", m.Kind, m.Name)
	}
	sent := providers.Sent{ID: newGUID()}
	for _, b := range all {
		if b.target() != all[0].target() {
			return providers.Sent{}, fail(providers.Unsupported, "send", "", "give the two names in the manifest", "for %s and %s %s is not the same %s", all[0].function, b.function, m.Name, m.Kind)
		}
		sent.Functions = append(sent.Functions, b.function)
	}
	sent.Functions = slices.Compact(sent.Functions)
	switch to := all[0]; {
	case to.Queue != "":
		sent.ID, err = c.toQueue(ctx, to.carrier, m)
	case to.onBus():
		err = c.toBus(ctx, to.target(), sent.ID, m)
	default:
		err = c.toGrid(ctx, to.ID, sent.ID, m)
	}
	return sent, err
}

// Queues are what functions that are live read from. Dead letters of Azure Storage are peeked at; those of Service Bus are locked one by
// one and let go. Event Grid says neither what waits nor what it gave up.
func (a *Adapter) Queues(ctx context.Context) ([]providers.Queue, error) {
	c, err := a.connect(ctx)
	var all []providers.Queue
	if err == nil {
		all, err = c.queues(ctx)
	}
	return all, a.classify("list queues", "", err)
}

// Redrive sends dead letters again to where they came from, and then takes each out of the dead ones: one that is interrupted may
// deliver a message twice, and loses none.
func (a *Adapter) Redrive(ctx context.Context, of string) (int, error) {
	c, err := a.connect(ctx)
	done := 0
	if err == nil {
		done, err = c.redrive(ctx, of)
	}
	return done, a.classify("redrive", "", err)
}

// bare refuses what messages of a service do not carry.
func bare(m providers.Message, service string) error {
	const hint = "have queues and topics be of Service Bus, with service_bus in the target"
	switch {
	case m.Group != "":
		return fail(providers.Unsupported, "send", "", hint, "messages of %s have no group", service)
	case len(m.Attributes) > 0:
		return fail(providers.Unsupported, "send", "", hint, "messages of %s have no attributes", service)
	}
	return nil
}

// door leads to a service of messages, by its audience.
func (c *connection) door(audience string) runtime.Pipeline {
	options := c.options.ClientOptions
	return runtime.NewPipeline("ferry/azure", moduleVersion, runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(c.credential, []string{audience + "/.default"}, nil)},
	}, &options)
}

// knock sends one request through a door. Who called closes what it answers.
func knock(ctx context.Context, through runtime.Pipeline, method, address string, header map[string]string, body string) (*http.Response, error) {
	req, err := runtime.NewRequest(ctx, method, address)
	if err != nil {
		return nil, err
	}
	kind := header["Content-Type"]
	if body != "" {
		if err := req.SetBody(streaming.NopCloser(strings.NewReader(body)), kind); err != nil {
			return nil, err
		}
	}
	for name, value := range header {
		req.Raw().Header[name] = []string{value} // as it is spelt: attributes are headers
	}
	res, err := through.Do(req)
	if err != nil {
		return nil, err
	}
	if !runtime.HasStatusCode(res, http.StatusOK, http.StatusCreated, http.StatusNoContent) {
		defer res.Body.Close()
		return nil, runtime.NewResponseError(res)
	}
	return res, nil
}

// sends is knock for what answers with nothing of interest.
func sends(ctx context.Context, through runtime.Pipeline, method, address string, header map[string]string, body string) error {
	res, err := knock(ctx, through, method, address, header, body)
	if err == nil {
		runtime.Drain(res)
	}
	return err
}

const (
	queueVersion  = "2024-11-04"
	queueAudience = "https://storage.azure.com"
	gridAudience  = "https://eventgrid.azure.net"
	busAudience   = "https://servicebus.azure.net"
)

func queueHeader() map[string]string {
	return map[string]string{"x-ms-version": queueVersion, "Content-Type": "application/xml"}
}

// messages is the address of the messages of a queue of the storage account.
func (c *connection) messages(queue string) string {
	return c.cloud.endpoint(c.storageName(), "queue") + "/" + queue + "/messages"
}

type queueMessage struct {
	XMLName  xml.Name `xml:"QueueMessage"`
	ID       string   `xml:"MessageId,omitempty"`
	Inserted string   `xml:"InsertionTime,omitempty"`
	Receipt  string   `xml:"PopReceipt,omitempty"`
	Text     string   `xml:"MessageText"`
}

type queueMessages struct {
	Messages []queueMessage `xml:"QueueMessage"`
}

// toQueue sends a message to a queue of Azure Storage. There a message is text and nothing else: what has another type goes as a
// CloudEvent, which shims open.
func (c *connection) toQueue(ctx context.Context, to carrier, m providers.Message) (string, error) {
	if err := bare(m, "Azure Storage"); err != nil {
		return "", err
	}
	body := m.Body
	if !isText(m.ContentType) {
		if !to.Opens {
			return "", fail(providers.Unsupported, "send", "", "leave out the Content-Type", "messages of Azure Storage have no type, and the program would not know it")
		}
		body = enveloped(m)
	}
	var said queueMessages
	text, err := xml.Marshal(queueMessage{Text: base64.StdEncoding.EncodeToString(body)})
	if err != nil {
		return "", err
	}
	res, err := knock(ctx, c.door(queueAudience), http.MethodPost, c.messages(to.Queue), queueHeader(), string(text))
	if err == nil {
		err = runtime.UnmarshalAsXML(res, &said)
	}
	if isNotFound(err) {
		return "", fail(providers.NotFound, "send", "", "run `az storage queue create --name "+to.Queue+" --account-name "+c.storageName()+" --auth-mode login`", "the queue %s does not exist", to.Queue)
	}
	if err != nil || len(said.Messages) == 0 {
		return "", err
	}
	return said.Messages[0].ID, nil
}

func isText(kind string) bool {
	media, _, err := mime.ParseMediaType(kind)
	return kind == "" || err == nil && media == "text/plain"
}

func isJSON(kind string) bool {
	media, _, err := mime.ParseMediaType(kind)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// enveloped is a message as a CloudEvent in its JSON form.
func enveloped(m providers.Message) []byte {
	event := map[string]any{
		"specversion": "1.0", "id": newGUID(), "source": "/ferry/azure/" + m.Kind + "/" + m.Name, "type": "dev.ferry." + m.Kind + ".message.v1",
		"time": time.Now().UTC().Format(time.RFC3339), "datacontenttype": m.ContentType,
	}
	switch {
	case isJSON(m.ContentType) && json.Valid(m.Body):
		event["data"] = json.RawMessage(m.Body)
	case strings.HasPrefix(m.ContentType, "text/") && utf8.Valid(m.Body):
		event["data"] = string(m.Body)
	default:
		event["data_base64"] = base64.StdEncoding.EncodeToString(m.Body)
	}
	return text(event)
}

// toGrid publishes a message to a topic of Event Grid, whose data is JSON.
func (c *connection) toGrid(ctx context.Context, topic, id string, m providers.Message) error {
	if err := bare(m, "Event Grid"); err != nil {
		return err
	}
	var data any = string(m.Body)
	if isJSON(m.ContentType) && json.Valid(m.Body) {
		data = json.RawMessage(m.Body)
	} else if !isText(m.ContentType) || !utf8.Valid(m.Body) {
		return fail(providers.Unsupported, "send", "", "send text or JSON", "messages of Event Grid are JSON, not %q", m.ContentType)
	}
	var is struct{ Properties struct{ Endpoint string } }
	if err := c.call(ctx, http.MethodGet, topic, gridVersion, nil, &is); err != nil {
		return err
	}
	body := text([]map[string]any{{
		"id": id, "subject": m.Name, "eventType": "dev.ferry.topic.message.v1", "eventTime": time.Now().UTC().Format(time.RFC3339Nano), "dataVersion": "1.0", "data": data,
	}})
	return sends(ctx, c.door(gridAudience), http.MethodPost, is.Properties.Endpoint+"?api-version=2018-01-01", map[string]string{"Content-Type": "application/json"}, string(body))
}

// busAddress is where the messages of something in Service Bus are, by its id.
func (c *connection) busAddress(id string) string {
	_, rest, _ := strings.Cut(id, "/"+busNamespaces+"/")
	namespace, entity, _ := strings.Cut(rest, "/")
	entity = strings.TrimPrefix(strings.TrimPrefix(entity, "queues/"), "topics/")
	return "https://" + namespace + "." + c.cloud.bus() + "/" + entity
}

var attributeName = pattern.Of(`^[A-Za-z][A-Za-z0-9_.-]*$`)

// toBus sends a message to a queue or a topic of Service Bus, where attributes are headers whose text is in quotes.
func (c *connection) toBus(ctx context.Context, to, id string, m providers.Message) error {
	broker := map[string]string{"MessageId": id}
	if m.Group != "" {
		broker["SessionId"] = m.Group
	}
	header := map[string]string{"BrokerProperties": inHeader(broker), "Content-Type": m.ContentType}
	if m.ContentType == "" {
		header["Content-Type"] = "text/plain; charset=utf-8"
	}
	for name, value := range m.Attributes {
		if !attributeName().MatchString(name) || slices.ContainsFunc([]string{"authorization", "brokerproperties", "content-type", "content-length", "host"}, func(taken string) bool { return strings.EqualFold(name, taken) }) {
			return fail(providers.Invalid, "send", "", "begin it with a letter, and use letters, digits, _, - and .", "Service Bus takes no attribute that is called %q over HTTP", name)
		}
		header[name] = inHeader(value)
	}
	return sends(ctx, c.door(busAudience), http.MethodPost, c.busAddress(to)+"/messages", header, string(m.Body))
}

// inHeader is a value as JSON that a header can hold.
func inHeader(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return "" // strings have a JSON form
	}
	var out strings.Builder
	for _, unit := range utf16.Encode([]rune(string(data))) {
		if unit < utf8.RuneSelf {
			out.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}
