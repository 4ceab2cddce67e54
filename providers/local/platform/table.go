package platform

import (
	"errors"
	"io/fs"
	"maps"
)

// Table says what is live in one service and stage.
type Table struct {
	Port      int              `json:"port"` // kept for the service; 0 until something was live
	Functions map[string]Entry `json:"functions"`
}

// Entry is one function of a Table.
type Entry struct {
	Revision string `json:"revision,omitempty"` // "" is nothing
	Digest   string `json:"digest,omitempty"`   // of that revision
	HTTP     bool   `json:"http,omitempty"`     // it is reachable through the gateway
	// Bindings is kept for the caller, who says what it means.
	Bindings string `json:"bindings,omitempty"`
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

// Change is one function's part of a switch.
type Change struct {
	Function string `json:"function"`
	From     string `json:"from"` // the revision that must be live; "" is nothing
	To       string `json:"to"`   // "" is nothing
}

// apply returns the table after the changes, or a conflict and nothing.
func (t Table) apply(changes []Change, revision func(function, id string) (Revision, error)) (Table, error) {
	next := t.clone()
	for _, c := range changes {
		e := next.Functions[c.Function]
		if e.Revision != c.From {
			return t, failed(CodeConflict, c.Function, "%s serves %s, not %s as expected", c.Function, orNothing(e.Revision), orNothing(c.From))
		}
		e = Entry{Bindings: e.Bindings}
		if c.To != "" {
			r, err := revision(c.Function, c.To)
			if err != nil {
				return t, err
			}
			e.Revision, e.Digest, e.HTTP = r.ID, r.Digest, r.HTTP
		}
		next.set(c.Function, e)
	}
	return next, nil
}

func (t Table) clone() Table {
	return Table{Port: t.Port, Functions: maps.Clone(t.Functions)}
}

// set stores an entry; one that says nothing is not kept.
func (t Table) set(function string, e Entry) {
	if e == (Entry{}) {
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
