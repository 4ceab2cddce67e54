package providertest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"

	"github.com/ferryfn/ferry/providers"
)

// stays expects a function that ferry did not make to be as it was.
func (s *scenario) stays(function string) {
	s.Helper()
	st := s.status(function)
	if !st.Foreign || st.Revision != nil || st.Canary != nil {
		s.Errorf("want a foreign function without a revision, got %+v", st)
	}
}

func foreign(s *scenario) {
	s.Occupy(s.TB, "api")
	s.stays("api")
	s.names()
	spec := s.Spec(s.TB, "api", "one", "a")
	_, err := s.Adapter.Publish(s.ctx, spec, 0)
	s.fails(err, providers.Foreign)
	ghost := providers.Revision{ID: "1", Digest: spec.Digest}
	if _, err := s.Adapter.Activate(s.ctx, providers.Change{Spec: spec, From: s.status("api"), To: &ghost}); err == nil {
		s.Error("a function that ferry did not make was activated")
	}
	if p, ok := providers.As[providers.Pruner](s.Adapter); ok {
		if list, err := p.Revisions(s.ctx, "api"); err == nil && len(list) > 0 {
			s.Errorf("a function that ferry did not make has the revisions %+v", list)
		}
	}
	s.stays("api")
	_ = s.Adapter.Remove(s.ctx, "api", 0) // an error, or nothing to remove
	s.stays("api")
}

func adopted(s *scenario) {
	s.Occupy(s.TB, "api")
	st, err := able[providers.Adopter](s).Adopt(s.ctx, "api", 0)
	s.ok(err)
	if st.Foreign || st.Revision == nil {
		s.Fatalf("adopt returned %+v", st)
	}
	theirs := *st.Revision
	s.holds("api", theirs)
	s.names("api")
	two := s.live(s.Spec(s.TB, "api", "two", "b"))
	s.serves("api", &two, "two", "b")
	spec := providers.Spec{}
	spec.Function.Name = "api"
	s.activate(spec, theirs, 0)
	s.holds("api", theirs)
	s.ok(s.Adapter.Remove(s.ctx, "api", 0))
	s.serves("api", nil, "", "")
	if s.status("api").Foreign {
		s.Error("what was adopted and removed is there")
	}
}

// holds expects what was adopted to be live, and to say what it said where it has an address.
func (s *scenario) holds(function string, theirs providers.Revision) {
	s.Helper()
	st := s.status(function)
	if st.Foreign || !st.Holds(&theirs) {
		s.Errorf("want what was adopted to be live, got %+v", st)
	}
	if s.Call == nil || st.URL == "" {
		return
	}
	if version, _ := s.Call(s.TB, function); version != "theirs" {
		s.Errorf("what was adopted says %q", version)
	}
}

func read(s *scenario) {
	name, reader := s.Original(s.TB, "web"), able[providers.Reader](s)
	s.stays("web")
	var first []byte
	for range 2 { // the second time it is as it was
		var code bytes.Buffer
		described, err := reader.Read(s.ctx, name, &code)
		s.ok(err)
		archive, err := zip.NewReader(bytes.NewReader(code.Bytes()), int64(code.Len()))
		if err != nil || len(archive.File) == 0 || !json.Valid(described) {
			s.Fatalf("read was %q, and code of %d bytes: %v", described, code.Len(), err)
		}
		if first != nil && !bytes.Equal(first, code.Bytes()) {
			s.Error("read again it has other code")
		}
		first = code.Bytes()
	}
	s.stays("web")
	_, err := reader.Read(s.ctx, "nobody", io.Discard)
	s.fails(err, providers.NotFound)
}
