package golang

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

func TestAWrongEventHandlerIsShownWhereItStands(t *testing.T) {
	root := packagertest.Project(t, "api.go", "package api\n\nfunc OnEvent() {}\n")
	target := pkg{Dir: root, GoFiles: []string{"api.go"}}
	shim := filepath.Join(root, "cache")
	var e *source.Error
	said := source.Problem(filepath.Join(shim, "shim", "3.go"), "", "3.go:9: too many arguments in call to handler.OnEvent")
	if err := inUserCode(said, target, shim); !errors.As(err, &e) || e.File != filepath.Join(root, "api.go") || e.Line != 3 || e.Column != 6 {
		t.Errorf("got %+v", err)
	}
	packagertest.Contains(t, e.Hint, "func OnEvent(ctx context.Context, e cloudevents.Event) error")
	own := source.Problem(filepath.Join(root, "api.go"), "", "api.go:9: undefined: handler.OnEvent")
	if err := inUserCode(own, target, shim); !errors.As(err, &e) || e.Message != own.Message {
		t.Errorf("an error of the user's own code became %v", err)
	}
}
