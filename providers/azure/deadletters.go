package azure

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/ferryfn/ferry/providers"
)

const (
	poisonSuffix = "-poison" // of the queue that the host puts into what it tried as often as it may
	mostPeeked   = 32        // that a queue of Azure Storage shows at once
	mostLetters  = 100       // of Service Bus, which are looked at one by one
)

const seeLogs = "the function did not take it: see its logs"

// queues are what functions that are live read from.
func (c *connection) queues(ctx context.Context) ([]providers.Queue, error) {
	found, err := c.bound(ctx)
	if err != nil {
		return nil, err
	}
	var all []providers.Queue
	for _, group := range together(found) {
		of := group[0]
		q := providers.Queue{Kind: of.Kind, Name: of.Name, Depth: providers.UnknownDepth}
		if len(group) == 1 {
			q.Function = of.function
		}
		switch {
		case of.Queue != "":
			err = c.storageQueue(ctx, of.carrier, &q)
		case of.onBus():
			err = c.busQueue(ctx, of.ID, &q)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, q)
	}
	return all, nil
}

// together groups the functions that share what they read from.
func together(all []bound) [][]bound {
	var groups [][]bound
	for _, b := range all {
		same := func(g []bound) bool {
			return g[0].Kind == b.Kind && g[0].Queue+g[0].ID == b.Queue+b.ID && g[0].Name == b.Name
		}
		if i := slices.IndexFunc(groups, same); i >= 0 {
			groups[i] = append(groups[i], b)
		} else {
			groups = append(groups, []bound{b})
		}
	}
	return groups
}

// storageQueue says what waits in a queue of Azure Storage, and in the queue beside it of what is poison.
func (c *connection) storageQueue(ctx context.Context, of carrier, q *providers.Queue) error {
	held, err := c.held(ctx, of.Queue)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	q.Depth = held
	waiting, err := c.peeked(ctx, of.Queue, 1)
	if err != nil {
		return err
	}
	if len(waiting) > 0 {
		q.Oldest = waiting[0].inserted()
	}
	dead, err := c.peeked(ctx, of.Queue+poisonSuffix, mostPeeked)
	for _, m := range dead {
		at := m.inserted()
		q.Dead = append(q.Dead, providers.DeadLetter{ID: m.ID, Sent: at, Died: at, Attempts: of.Attempts, Reason: seeLogs, Body: m.body()})
	}
	return err
}

// held is about how many messages a queue has, those that somebody just looks at among them.
func (c *connection) held(ctx context.Context, queue string) (int, error) {
	res, err := knock(ctx, c.door(queueAudience), http.MethodGet, strings.TrimSuffix(c.messages(queue), "/messages")+"?comp=metadata", queueHeader(), "")
	if err != nil {
		return 0, err
	}
	runtime.Drain(res)
	return strconv.Atoi(res.Header.Get("x-ms-approximate-messages-count"))
}

// peeked are the first messages of a queue that is there, which stay where they are.
func (c *connection) peeked(ctx context.Context, queue string, most int) ([]queueMessage, error) {
	return c.listed(ctx, fmt.Sprintf("%s?peekonly=true&numofmessages=%d", c.messages(queue), most))
}

func (c *connection) listed(ctx context.Context, address string) ([]queueMessage, error) {
	var all queueMessages
	res, err := knock(ctx, c.door(queueAudience), http.MethodGet, address, queueHeader(), "")
	if err == nil {
		err = runtime.UnmarshalAsXML(res, &all)
	}
	return all.Messages, unlessMissing(err)
}

func (m queueMessage) inserted() time.Time {
	at, _ := http.ParseTime(m.Inserted) // else it is not known
	return at
}

// body is what was sent: the host's messages are in Base64.
func (m queueMessage) body() []byte {
	if data, err := base64.StdEncoding.DecodeString(m.Text); err == nil {
		return data
	}
	return []byte(m.Text)
}

// busQueue says what waits in a queue or a subscription of Service Bus.
func (c *connection) busQueue(ctx context.Context, id string, q *providers.Queue) error {
	var is struct {
		Properties struct {
			CountDetails struct{ ActiveMessageCount int }
		}
	}
	if err := c.call(ctx, http.MethodGet, id, busVersion, nil, &is); err != nil {
		return unlessMissing(err)
	}
	q.Depth = is.Properties.CountDetails.ActiveMessageCount
	letters, err := c.letters(ctx, id)
	for _, l := range letters {
		q.Dead = append(q.Dead, l.DeadLetter)
	}
	return errors.Join(err, c.letGo(ctx, letters))
}

// letter is a dead letter of Service Bus that this caller has locked.
type letter struct {
	providers.DeadLetter
	kind       string
	lock       string // the address of its lock
	properties bool   // whether it has some of its own, whose names cannot be told: HTTP has no upper and lower case in them
}

// letters are the dead letters of a queue or a subscription, all locked.
func (c *connection) letters(ctx context.Context, id string) ([]letter, error) {
	var all []letter
	for len(all) < mostLetters {
		res, err := knock(ctx, c.door(busAudience), http.MethodPost, c.busAddress(id)+"/$DeadLetterQueue/messages/head?timeout=1", nil, "")
		if err != nil {
			return all, err
		}
		if res.StatusCode == http.StatusNoContent {
			runtime.Drain(res)
			break
		}
		l, err := letterOf(res)
		if err != nil {
			return all, err
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b letter) int { return a.Sent.Compare(b.Sent) })
	return all, nil
}

func letterOf(res *http.Response) (letter, error) {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return letter{}, err
	}
	var broker struct {
		MessageID       string `json:"MessageId"`
		DeliveryCount   int
		EnqueuedTimeUTC string `json:"EnqueuedTimeUtc"`
	}
	if err := json.Unmarshal([]byte(res.Header.Get("BrokerProperties")), &broker); err != nil {
		return letter{}, fmt.Errorf("reading the properties of a dead letter: %w", err)
	}
	l := letter{kind: res.Header.Get("Content-Type"), lock: res.Header.Get("Location")}
	l.ID, l.Attempts, l.Body, l.Reason = broker.MessageID, broker.DeliveryCount, body, seeLogs
	l.Sent, _ = http.ParseTime(broker.EnqueuedTimeUTC) // else it is not known
	l.Died = l.Sent
	for name, values := range res.Header {
		var value string
		if !strings.HasPrefix(values[0], `"`) || json.Unmarshal([]byte(values[0]), &value) != nil {
			continue
		}
		switch name {
		case "Deadletterreason":
		case "Deadlettererrordescription":
			l.Reason = value
		default:
			l.properties = true
		}
	}
	return l, nil
}

// letGo lets others have what was only looked at.
func (c *connection) letGo(ctx context.Context, letters []letter) error {
	var errs []error
	for _, l := range letters {
		errs = append(errs, unlessMissing(sends(ctx, c.door(busAudience), http.MethodPut, l.lock, nil, "")))
	}
	return errors.Join(errs...)
}

// redrive sends again what is called so.
func (c *connection) redrive(ctx context.Context, of string) (int, error) {
	found, err := c.bound(ctx)
	if err != nil {
		return 0, err
	}
	groups := together(slices.DeleteFunc(found, func(b bound) bool { return b.Name != of }))
	if len(groups) == 0 {
		return 0, fail(providers.NotFound, "redrive", "", "run `ferry queues` to see their names", "no function is bound to %s", of)
	}
	done := 0
	for _, group := range groups {
		n := 0
		switch k := group[0]; {
		case k.Queue != "":
			n, err = c.redriveQueue(ctx, k.Queue)
		case k.onBus():
			n, err = c.redriveBus(ctx, k)
		default:
			err = fail(providers.Unsupported, "redrive", k.function, "hand the function what it missed with `ferry invoke`", "Event Grid keeps nothing of %s that it gave up", of)
		}
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// redriveQueue sends what is poison to the queue that it came from. What fails again meanwhile is left for the next time.
func (c *connection) redriveQueue(ctx context.Context, queue string) (int, error) {
	done, door := 0, c.door(queueAudience)
	most, err := c.held(ctx, queue+poisonSuffix)
	if err != nil {
		return 0, unlessMissing(err)
	}
	for done < most {
		dead, err := c.listed(ctx, fmt.Sprintf("%s?numofmessages=%d&visibilitytimeout=60", c.messages(queue+poisonSuffix), min(most-done, mostPeeked)))
		if err != nil || len(dead) == 0 {
			return done, err
		}
		for _, m := range dead {
			again, err := xml.Marshal(queueMessage{Text: m.Text})
			if err == nil {
				err = sends(ctx, door, http.MethodPost, c.messages(queue), queueHeader(), string(again))
			}
			if err != nil {
				return done, err
			}
			if err := sends(ctx, door, http.MethodDelete, c.messages(queue+poisonSuffix)+"/"+m.ID+"?popreceipt="+url.QueryEscape(m.Receipt), queueHeader(), ""); err != nil {
				return done, err
			}
			done++
		}
	}
	return done, nil
}

// redriveBus sends the dead letters of a queue or a subscription again. Those that have properties of their own stay.
func (c *connection) redriveBus(ctx context.Context, of bound) (int, error) {
	if err := c.refuseShared(ctx, of); err != nil {
		return 0, err
	}
	letters, err := c.letters(ctx, of.ID)
	var left []letter
	done := 0
	for _, l := range letters {
		if err != nil || l.properties {
			left = append(left, l)
			continue
		}
		if err = c.toBus(ctx, of.target(), l.ID, providers.Message{Body: l.Body, ContentType: l.kind}); err == nil {
			err = sends(ctx, c.door(busAudience), http.MethodDelete, l.lock, nil, "")
		}
		if err != nil {
			left = append(left, l)
			continue
		}
		done++
	}
	if err = errors.Join(err, c.letGo(ctx, left)); err == nil && len(left) > 0 {
		err = fail(providers.Unsupported, "redrive", of.function, "send them again with the Service Bus Explorer of Azure's portal",
			"%d of %s have properties, whose names ferry cannot keep as they are spelt", len(left), of.Name)
	}
	return done, err
}

// refuseShared refuses to send to a topic again that others read, who took the message the first time.
func (c *connection) refuseShared(ctx context.Context, of bound) error {
	if of.target() == of.ID {
		return nil
	}
	readers, err := entries[struct{ ID string }](ctx, c, of.target()+"/subscriptions", busVersion)
	if err != nil || len(readers) < 2 {
		return err
	}
	return fail(providers.Unsupported, "redrive", of.function, "send them again with the Service Bus Explorer of Azure's portal", "others read the topic %s too, and would get the messages again", of.Name)
}
