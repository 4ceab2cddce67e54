package draft

import (
	"maps"
	"slices"
)

// Text is the manifest as a file. schema is where editors find its JSON Schema; "" is nowhere.
func (m Manifest) Text(schema string) []byte {
	w := writer{text: make([]byte, 0, 1024+512*len(m.Functions))}
	if schema != "" {
		w.put("# yaml-language-server: $schema=" + schema + "\n")
	}
	var file Settings
	file.add("service", m.Service)
	if defaults := m.Defaults.settings(); len(defaults) > 0 {
		file.add("defaults", defaults)
	}
	w.entries(file, 0)
	w.put("functions:\n")
	for i := range m.Functions { // one after the other: together they are as long as what they were made of
		w.entry(m.Functions[i].Name, m.Functions[i].settings(), 2)
	}
	w.put("targets:\n")
	for _, t := range m.Targets {
		w.entry(t.Name, flow{t.Settings}, 2)
	}
	return w.text
}

// flow is a map or a list that is written in one line.
type flow struct{ value any }

func (s *Settings) add(key string, value any) { *s = append(*s, Setting{key, value}) }

// give adds a text, a number, a list or a map, unless there is nothing in it.
func (s *Settings) give(key string, value any) {
	switch v := value.(type) {
	case string:
		if v == "" {
			return
		}
	case int:
		if v == 0 {
			return
		}
	case []string:
		if len(v) == 0 {
			return
		}
	case map[string]string:
		if len(v) == 0 {
			return
		}
	}
	s.add(key, value)
}

// inLine adds a list that is written in one line, unless it is empty.
func (s *Settings) inLine(key string, list []string) {
	if len(list) > 0 {
		s.add(key, flow{list})
	}
}

func (f *Function) settings() Settings {
	s := make(Settings, 0, 16)
	s.give("source", f.Source)
	s.give("runtime", f.Runtime)
	s.give("handler", f.Handler)
	s.give("style", f.Style)
	s.give("payload", f.Payload)
	s.give("architecture", f.Architecture)
	s.give("memory", f.Memory)
	s.give("timeout", f.Timeout)
	if len(f.Events) > 0 {
		events := make([]any, len(f.Events))
		for i, e := range f.Events {
			events[i] = e.settings()
		}
		s.add("events", events)
	}
	s.give("env", f.Env)
	s.give("secrets", f.Secrets)
	if b := f.Scaling; b != nil {
		var bounds Settings
		bounds.give("min", b.Min)
		bounds.give("max", b.Max)
		bounds.give("concurrency", b.Concurrency)
		s.add("scaling", flow{bounds})
	}
	if f.Health != nil {
		s.add("health", Settings{{"path", f.Health.Path}})
	}
	if b := f.Build; b != nil {
		var build Settings
		build.give("external", b.External)
		build.give("include", b.Include)
		build.give("exclude", b.Exclude)
		if b.Bundle != nil {
			build.add("bundle", *b.Bundle)
		}
		s.add("build", build)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Blocks)) {
		if block := *f.Blocks[name]; len(block) > 0 {
			s.add(name, block)
		}
	}
	return s
}

// settings are those of an event. Each stands in one line, but for one with a cross-origin policy, which is long.
func (e Event) settings() any {
	var s Settings
	switch {
	case e.HTTP != nil:
		s.give("path", e.HTTP.Path)
		s.inLine("methods", e.HTTP.Methods)
		s.give("auth", e.HTTP.Auth)
		if c := e.HTTP.CORS; c != nil {
			s.add("cors", c.settings())
			return Settings{{"http", s}}
		}
		return flow{Settings{{"http", s}}}
	case e.Schedule != nil:
		s.add("cron", e.Schedule.Cron)
		s.give("timezone", e.Schedule.Timezone)
		return flow{Settings{{"schedule", s}}}
	case e.Queue != nil:
		s.add("name", e.Queue.Name)
		s.give("batch", e.Queue.Batch)
		return flow{Settings{{"queue", s}}}
	case e.Topic != nil:
		return flow{Settings{{"topic", Settings{{"name", e.Topic.Name}}}}}
	case e.Object != nil:
		s.add("bucket", e.Object.Bucket)
		s.inLine("on", e.Object.On)
		s.give("prefix", e.Object.Prefix)
		s.give("suffix", e.Object.Suffix)
		return flow{Settings{{"object", s}}}
	}
	return flow{s}
}

func (c *CORS) settings() Settings {
	var s Settings
	s.inLine("origins", c.Origins)
	s.inLine("methods", c.Methods)
	s.inLine("headers", c.Headers)
	s.give("max_age", c.MaxAge)
	if c.Credentials {
		s.add("credentials", true)
	}
	return s
}
