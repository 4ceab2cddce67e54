package templates_test

import (
	"net"
	"runtime"
	"testing"
)

func TestAShimListensWhereItsPlatformSays(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has more addresses of its own than one")
	}
	tried := map[string]bool{}
	for _, p := range echoes() {
		if tried[p.runtime.Language()] {
			continue
		}
		tried[p.runtime.Language()] = true
		t.Run(p.name, func(t *testing.T) {
			i := p.launch(t, packages(), p.function(), "FERRY_HOST=0.0.0.0")
			_, port, err := net.SplitHostPort(i.addr)
			if err != nil {
				t.Fatal(err)
			}
			i.addr = net.JoinHostPort("127.0.0.2", port)
			i.ready()
		})
	}
}
