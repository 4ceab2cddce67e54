package cmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
)

type sendOptions struct {
	app        *app
	data       dataFlag
	headers    []string
	group      string
	attributes []string
}

// sendResult says what became of a message.
type sendResult struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	Functions []string `json:"functions"` // that it is delivered to
}

func newSend(a *app, out *outcome) *cobra.Command {
	o := &sendOptions{app: a}
	kinds := []string{"queue", "topic"}
	c := a.command(out, &cobra.Command{
		Use:   "send queue|topic name",
		Short: "Send a message to a queue or a topic",
		Long: `Send a message to a queue or a topic that functions are bound to. The command returns when the message cannot be
lost any more; it is delivered at least once, and ` + "`ferry queues`" + ` shows what became of it.

The message is text, unless a header says otherwise: -H 'Content-Type: application/json'. A queue whose name ends in
.fifo delivers its messages in order: those of one --group one after the other, or all where none has one.`,
		Example: `  ferry send queue orders -d '{"order": 7}' -H 'Content-Type: application/json'
  ferry send topic signups -d @signup.json
  ferry send queue lines.fifo --group north -d 'first'`,
		Args: between(2, 2, "a kind, queue or topic, and a name"),
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return kinds, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeManifest(1, func(m *manifest.Manifest) []string { return eventSources(m, args[0]) })(c, args, word)
		},
	}, func(ctx context.Context, args []string) (result, error) {
		if args[0] != kinds[0] && args[0] != kinds[1] {
			return nil, usagef(suggest(args[0], kinds), "a message goes to a queue or a topic, not to a %q", args[0])
		}
		return o.run(ctx, args[0], args[1])
	})
	f := c.Flags()
	o.data.add(f, "the message; @FILE reads a file, - reads stdin")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "the message's type, as `'Content-Type: value'`")
	f.StringVar(&o.group, "group", "", "the `name` of the group of messages that are delivered in order")
	f.StringArrayVar(&o.attributes, "attribute", nil, "a `name=value` that goes with the message; may be repeated")
	return c
}

func (o *sendOptions) run(ctx context.Context, kind, name string) (result, error) {
	m := providers.Message{Kind: kind, Name: name, Group: o.group, Attributes: map[string]string{}}
	headers, err := parseHeaders(o.headers)
	if typed := headers["Content-Type"]; len(typed) == 1 {
		m.ContentType = typed[0]
		delete(headers, "Content-Type")
	}
	if err == nil && len(headers) > 0 {
		err = usagef("send anything else as --attribute name=value", "a message has no header but one Content-Type")
	}
	if o.group != "" && (kind != "queue" || !strings.HasSuffix(name, ".fifo")) {
		err = errors.Join(err, usagef("leave out --group, or send to a queue whose name ends in .fifo", "%s %s keeps no order", kind, name))
	}
	for _, pair := range o.attributes {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			err = errors.Join(err, usagef("write it as name=value", "%q is not an attribute", pair))
		}
		m.Attributes[key] = value
	}
	if !o.data.given {
		err = errors.Join(err, usagef("write it after --data, or - there to read stdin; --data '' is an empty one", "there is no message to send"))
	}
	if err != nil {
		return nil, err
	}
	if m.Body, err = o.data.read(o.app); err != nil {
		return nil, err
	}
	_, sender, err := carrierOf[providers.Sender](o.app.deployed())
	if err != nil {
		return nil, err
	}
	sent, err := sender.Send(ctx, m)
	if err != nil {
		return nil, err
	}
	return sendResult{ID: sent.ID, Kind: kind, Name: name, Functions: sent.Functions}, nil
}

// carrierOf is what carries messages at a project's target.
func carrierOf[T any](p *project, err error) (*project, T, error) {
	var none T
	if err != nil {
		return nil, none, err
	}
	if m, ok := providers.As[T](p.adapter); ok {
		return p, m, nil
	}
	return nil, none, &failure{
		kind: providers.Unsupported, message: "ferry does not do this with messages of the provider " + p.manifest.Target.Provider,
		hint: "use the provider's own tools, or `ferry invoke NAME --event queue` to call a function as with a message",
	}
}

func (r sendResult) text(p *printer) {
	to := ", which no function takes at the moment"
	if len(r.Functions) > 0 {
		to = ", for " + strings.Join(r.Functions, ", ")
	}
	p.linef("%s sent to the %s %s%s  %s", p.style.good.Render("✓"), r.Kind, p.style.bold.Render(r.Name), to, p.style.dim.Render(r.ID))
}
