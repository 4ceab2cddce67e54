package knativetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is one of Kubernetes', in JSON.
type object = map[string]any

// at is a value within an object, nil where there is none.
func at(o any, path ...string) any {
	for _, key := range path {
		m, ok := o.(object)
		if !ok {
			return nil
		}
		o = m[key]
	}
	return o
}

func text(o any, path ...string) string {
	s, _ := at(o, path...).(string)
	return s
}

func number(o any, path ...string) int {
	n, _ := at(o, path...).(float64)
	return int(n)
}

func items(o any, path ...string) []object {
	list, _ := at(o, path...).([]any)
	var all []object
	for _, one := range list {
		if m, ok := one.(object); ok {
			all = append(all, m)
		}
	}
	return all
}

func part(o object, key string) object {
	m, ok := o[key].(object)
	if !ok {
		m = object{}
		o[key] = m
	}
	return m
}

// cloned is a copy that shares nothing.
func cloned(v any) any {
	var out any
	if err := json.Unmarshal(encode(v), &out); err != nil {
		panic(fmt.Sprintf("what was encoded is decoded: %v", err))
	}
	return out
}

func copyOf(o object) object { return cloned(o).(object) }

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("objects have a JSON form: %v", err))
	}
	return data
}

// merged is a JSON merge patch applied (https://www.rfc-editor.org/rfc/rfc7396).
func merged(to, patch any) any {
	p, ok := patch.(object)
	if !ok {
		return patch
	}
	o, ok := to.(object)
	if !ok {
		o = object{}
	}
	for key, value := range p {
		if value == nil {
			delete(o, key)
		} else {
			o[key] = merged(o[key], value)
		}
	}
	return o
}

// strip takes nulls away, which are as good as nothing.
func strip(v any) any {
	switch v := v.(type) {
	case object:
		maps.DeleteFunc(v, func(_ string, one any) bool { return one == nil })
		for key, one := range v {
			v[key] = strip(one)
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return v
}

// same compares what two values are in JSON.
func same(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// key is where an object is kept.
func key(plural, name string) string { return plural + "/" + name }

// put keeps an object as it was written: with another version, and another generation where what is wanted changed.
func (s *Server) put(plural string, o object) object {
	m := part(o, "metadata")
	old := s.objects[key(plural, text(m, "name"))]
	if old == nil {
		s.version++
		m["uid"], m["creationTimestamp"], m["generation"] = fmt.Sprintf("%08d-0000-4000-8000-000000000000", s.version), time.Now().UTC().Format(time.RFC3339), 1.0
		m["namespace"] = s.Namespace
	} else {
		for _, kept := range []string{"uid", "creationTimestamp", "generation", "namespace", "resourceVersion", "deletionTimestamp"} {
			m[kept] = at(old, "metadata", kept)
		}
		if strip(o); same(old, o) {
			return old
		}
		if !same(old["spec"], o["spec"]) {
			m["generation"] = float64(number(m, "generation") + 1)
		}
	}
	strip(o)
	s.version++
	m["resourceVersion"] = strconv.Itoa(s.version)
	kept := copyOf(o)
	s.objects[key(plural, text(m, "name"))] = kept
	s.stir()
	return kept
}

// stir has the controllers look.
func (s *Server) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// of are the objects of a resource, in the order of their names.
func (s *Server) of(plural string) []object {
	var all []object
	for _, k := range sorted(s.objects) {
		if strings.HasPrefix(k, plural+"/") {
			all = append(all, s.objects[k])
		}
	}
	return all
}

func (s *Server) get(plural, name string) object { return s.objects[key(plural, name)] }

// observe writes a status that a controller found.
func (s *Server) observe(plural string, o, found object) {
	if same(o["status"], found) {
		return
	}
	next := copyOf(o)
	next["status"] = found
	s.put(plural, next)
}

// remove deletes an object at once.
func (s *Server) remove(plural, name string) {
	o := s.get(plural, name)
	if o == nil {
		return
	}
	delete(s.objects, key(plural, name))
	s.version++
	if w := s.running[text(o, "metadata", "uid")]; w != nil {
		w.stop()
		delete(s.running, text(o, "metadata", "uid"))
	}
	s.stir()
}

// owner is what an object says that it belongs to.
func owner(o object) object {
	return object{"apiVersion": o["apiVersion"], "kind": o["kind"], "name": text(o, "metadata", "name"), "uid": text(o, "metadata", "uid"), "controller": true, "blockOwnerDeletion": true}
}

func ownedBy(o object, uid string) bool {
	return slices.ContainsFunc(items(o, "metadata", "ownerReferences"), func(r object) bool { return r["uid"] == uid })
}
