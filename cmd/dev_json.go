package cmd

import "github.com/ferryfn/ferry/release"

// devServed is a line of `ferry dev --json` that says what is served from then on.
type devServed struct {
	Served  map[string]string `json:"served"` // addresses by function, "" where it has none
	Changed []string          `json:"changed"`
	Removed []string          `json:"removed"`
	Seconds float64           `json:"seconds"`
}

// devTrouble is a line of what is wrong with what was saved, or may surprise.
type devTrouble struct {
	Errors   []report  `json:"errors,omitempty"`
	Warnings []warning `json:"warnings,omitempty"`
}

// urls are the addresses of what was deployed. The lock is held.
func (d *dev) urls(done *release.Result) map[string]string {
	urls := map[string]string{}
	for _, fn := range d.serving.manifest.Functions {
		urls[fn.Name] = done.Functions[fn.Name].URL
	}
	return urls
}

// line prints a document for a program. The lock is held.
func (d *dev) line(v any) { _ = writeJSON(d.app.Streams.Out, v) } // who does not read any more is told nothing

// failed prints errors. The lock is held.
func (d *dev) failed(all []report) {
	if d.app.global.json {
		d.line(devTrouble{Errors: all})
		return
	}
	d.printed.failures(all)
}

// caution prints warnings. The lock is held.
func (d *dev) caution(all []warning) {
	switch {
	case d.app.global.json && len(all) > 0:
		d.line(devTrouble{Warnings: all})
	case !d.app.global.json:
		d.printed.warnings(all)
	}
}

// remark prints a line for a person. The lock is held.
func (d *dev) remark(line string) {
	if !d.app.global.json {
		d.printed.linef("%s", d.printed.style.dim.Render(line))
	}
}
