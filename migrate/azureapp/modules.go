package azureapp

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// cronOf is the five fields of the six that Azure writes, whose first is the seconds; else the reason why there are none.
func cronOf(schedule string) (cron, reason string) {
	fields := strings.Fields(schedule)
	switch {
	case strings.Contains(schedule, "%"):
		return "", "its time is a setting of the app: write what it is"
	case len(fields) == 5:
		return strings.Join(fields, " "), ""
	case len(fields) != 6:
		return "", "a schedule has six fields, the first of which is the seconds"
	case fields[0] != "0":
		return "", "cron has no seconds"
	}
	return strings.Join(fields[1:], " "), ""
}

var (
	parameter = pattern.Of(`\{\*?(\w+)(?::[^}]*)?\??\}`)
	triggers  = pattern.Of(`\bapp\.(http|get|post|put|patch|deleteRequest|timer|storageQueue|storageBlob|serviceBusQueue|serviceBusTopic|eventGrid|eventHub|cosmosDB|generic|warmup|sql|mySql|webPubSub|mcpTool|mcpResource|orchestration|activity|entity)\s*\(\s*["'\x60\w$]`)
	decorated = pattern.Of(`@\w+\.(route|schedule|\w+_trigger)\s*\(`)
	// Things that a function reads or writes beside what calls it.
	bound      = pattern.Of(`\b(?:input|output)\.(\w+)\s*\(`)
	boundBelow = pattern.Of(`@\w+\.(\w+_(?:input|output)|generic_(?:input|output)_binding)\s*\(`)
	level      = pattern.Of(`(?i)\bauth_?level\s*[:=]\s*["'\x60]?([\w.]+)`)
	appLevel   = pattern.Of(`\bhttp_auth_level\s*=\s*["']?([\w.]+)`)
	keyed      = pattern.Of(`(\w+)\s*[:=]\s*["'\x60]([^"'\x60]*)["'\x60]`)
)

// within is how far after its head the settings of a trigger are looked for.
const within = 600

// azurePath is a route of Azure's as the manifest writes it.
func azurePath(route string) string {
	return parameter().ReplaceAllStringFunc(route, func(s string) string {
		name := parameter().FindStringSubmatch(s)[1]
		if strings.HasPrefix(s, "{*") {
			return "{" + name + "...}"
		}
		return "{" + name + "}"
	})
}

// modules are the functions whose triggers stand in their code: one for each module that the host loads, which routes by itself.
func (r *reader) modules() {
	entries := r.entries()
	for _, name := range entries {
		f := &draft.Named{Name: r.made.Unique(draft.Name(strings.TrimSuffix(path.Base(name), path.Ext(name))))}
		f.Style, f.Runtime, f.Handler = "azure", r.language(), name
		m := module{fn: f, level: "anonymous"}
		if strings.HasSuffix(name, ".py") {
			f.Runtime, f.Handler = r.python(), strings.TrimSuffix(name, ".py")+":app"
		}
		for i, s := range r.followed(name, entries) {
			if i == 0 && strings.HasSuffix(name, ".py") {
				m.level = first(appLevel(), s.text, "function")
			}
			if all := r.triggersOf(&m, s); len(all) > 0 {
				r.code = append(r.code, foreign.Entry{Key: s.name, Value: foreign.Of(all...)})
			}
		}
		m.routes.Join(&r.made, f)
		if len(f.Events) > 0 {
			r.made.Functions = append(r.made.Functions, *f)
		}
	}
	r.made.Apart()
}

// triggersOf reads the triggers that stand in one file of a module.
func (r *reader) triggersOf(m *module, s source) (all []foreign.Entry) {
	heads := triggers()
	if strings.HasSuffix(s.name, ".py") {
		heads = decorated()
	}
	places := heads.FindAllStringSubmatchIndex(s.text, -1)
	r.triggers += len(places)
	for i, at := range places {
		end := min(len(s.text), at[1]+within)
		if i+1 < len(places) {
			end = min(end, places[i+1][0])
		}
		kind := s.text[at[2]:at[3]]
		trigger := foreign.Entry{Key: kind + strconv.Itoa(i+1), Value: foreign.New(kind)}
		all = append(all, trigger)
		if reason := m.registers(kind, s.text[at[1]:end]); reason != "" {
			trigger.Value.Lose(reason)
		} else {
			trigger.Value.Map("functions." + m.fn.Name + ".events")
		}
	}
	return append(all, bindings(s)...)
}

// bindings are what a file binds beside triggers, which is lost.
func bindings(s source) (all []foreign.Entry) {
	heads := bound()
	switch {
	case strings.HasSuffix(s.name, ".py"):
		heads = boundBelow()
	case !strings.Contains(s.text, "@azure/functions"):
		return nil // something else that has an output
	}
	for i, found := range heads.FindAllStringSubmatch(s.text, -1) {
		if found[1] == "http" {
			continue
		}
		kind := strings.TrimSuffix(strings.TrimSuffix(found[1], "_output"), "_input")
		binding := foreign.Entry{Key: "binding" + strconv.Itoa(i+1), Value: foreign.New(kind)}
		binding.Value.Lose("only the host of Azure fulfils it, and a function with one is refused: read and write " + kind + " with its own library")
		all = append(all, binding)
	}
	return all
}

// module is a function whose code registers triggers.
type module struct {
	fn     *draft.Named
	routes lambda.Routes
	level  string // who may call a route that does not say it
}

// first is the first group of a pattern in a text, else what is usual.
func first(of *regexp.Regexp, text, usual string) string {
	if m := of.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return usual
}

// registers reads a trigger of the module, with the settings that stand beside it in plain words; else it is the reason why it is
// none of the function's events.
func (m *module) registers(kind, text string) (reason string) {
	set := map[string]string{}
	for _, pair := range keyed().FindAllStringSubmatch(text, -1) {
		if name := strings.ToLower(strings.ReplaceAll(pair[1], "_", "")); set[name] == "" {
			set[name] = pair[2]
		}
	}
	event := draft.Event{}
	switch kind {
	case "http", "get", "post", "put", "patch", "deleteRequest", "route":
		m.routes.Add("", "") // the app routes by itself
		m.routes.Guard(!strings.HasSuffix(strings.ToLower(first(level(), text, m.level)), "anonymous"))
		return ""
	case "timer", "timer_trigger", "schedule":
		event.Schedule = &draft.Schedule{}
		event.Schedule.Cron, reason = cronOf(set["schedule"])
	case "storageQueue", "queue_trigger", "serviceBusQueue", "service_bus_queue_trigger":
		event.Queue = &draft.Queue{Name: set["queuename"]}
		reason = unnamed(event.Queue.Name)
	case "serviceBusTopic", "service_bus_topic_trigger":
		event.Topic = &draft.Topic{Name: set["topicname"]}
		reason = unnamed(event.Topic.Name)
	case "storageBlob", "blob_trigger":
		event.Object, reason = object(set["path"])
	case "orchestration", "activity", "entity", "orchestration_trigger", "activity_trigger", "entity_trigger":
		return "durable functions are run by Azure alone: keep their state in a store, and call steps by queues"
	default:
		return "events of this kind are not delivered: have them sent to a queue or a topic"
	}
	if reason == "" {
		m.fn.Events = append(m.fn.Events, event)
	}
	return reason
}

// object is the event of a blob's path, such as uploads/raw/{name}.
func object(file string) (*draft.Object, string) {
	bucket, rest, _ := strings.Cut(file, "/")
	prefix, _, _ := strings.Cut(rest, "{")
	return &draft.Object{Bucket: bucket, On: []string{"created"}, Prefix: prefix}, unnamed(bucket)
}
