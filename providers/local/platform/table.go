package platform

import (
	"errors"
	"io/fs"
	"maps"
)

// Table says what is live in one service and stage.
type Table struct {
	Port      int              `json:"port"`            // kept for the service; 0 until something was live
	Hosts     []string         `json:"hosts,omitempty"` // of the address that was asked for last
	Functions map[string]Entry `json:"functions"`
}

// Entry is one function of a Table.
type Entry struct {
	Revision string `json:"revision,omitempty"` // "" is nothing
	Digest   string `json:"digest,omitempty"`   // of that revision
	HTTP     bool   `json:"http,omitempty"`     // it is reachable through the gateway
	Port     int    `json:"port,omitempty"`     // kept for the function; 0 until it answered HTTP
	// Bindings is the mode of the function's Events.
	Bindings string    `json:"bindings,omitempty"`
	Events   []Binding `json:"events,omitempty"`
	Canary   *Canary   `json:"canary,omitempty"`
}

// Revisions are those that get requests.
func (e Entry) Revisions() []string {
	var ids []string
	if e.Revision != "" {
		ids = append(ids, e.Revision)
	}
	if e.Canary != nil {
		ids = append(ids, e.Canary.Revision)
	}
	return ids
}

// Canary is a revision that gets a share of a function's requests.
type Canary struct {
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
	Percent  int    `json:"percent"` // 1 to 99
}

// Table reads what is live. One that was never written is empty.
func (h Home) Table(s Scope) (Table, error) {
	t := Table{Functions: map[string]Entry{}}
	if err := s.check(); err != nil {
		return t, err
	}
	err := readJSON(h.TableFile(s), &t)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return t, err
}

// Change is one function's part of a switch or a split.
type Change struct {
	Function string `json:"function"`
	From     string `json:"from"` // the revision that must be live; "" is nothing
	To       string `json:"to"`   // "" is nothing
}

// apply returns the table after the changes, or a conflict and nothing. Percent is the share of the requests
// that the new revisions get beside what is live; 0 makes them live.
func (t Table) apply(changes []Change, percent int, revision func(function, id string) (Revision, error)) (Table, error) {
	next := t.clone()
	for _, c := range changes {
		e := next.Functions[c.Function]
		if e.Revision != c.From {
			return t, failed(CodeConflict, c.Function, "%s serves %s, not %s as expected", c.Function, orNothing(e.Revision), orNothing(c.From))
		}
		if percent > 0 && (c.From == "" || c.To == "") {
			return t, failed(CodeInvalid, c.Function, "the requests of %s cannot be split between %s and %s", c.Function, orNothing(c.From), orNothing(c.To))
		}
		var r Revision
		if c.To != "" {
			var err error
			if r, err = revision(c.Function, c.To); err != nil {
				return t, err
			}
		}
		e.Canary = nil // every change ends an earlier split
		if percent == 0 {
			e.Revision, e.Digest, e.HTTP = r.ID, r.Digest, r.HTTP
		} else if c.To != e.Revision {
			e.Canary = &Canary{Revision: r.ID, Digest: r.Digest, Percent: percent}
		}
		next.set(c.Function, e)
	}
	return next, nil
}

func (t Table) clone() Table {
	return Table{Port: t.Port, Hosts: t.Hosts, Functions: maps.Clone(t.Functions)}
}

// set stores an entry; one that says nothing is not kept.
func (t Table) set(function string, e Entry) {
	if e.empty() {
		delete(t.Functions, function)
		return
	}
	t.Functions[function] = e
}

func orNothing(id string) string {
	if id == "" {
		return "nothing"
	}
	return id
}
