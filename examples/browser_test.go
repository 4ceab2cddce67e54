package examples_test

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/browser"
)

// inARealBrowser uses the functions as a person does, at the addresses that are printed.
func inARealBrowser(t *testing.T, d *deployed) {
	b := browser.Start(t)
	page := b.Page()
	page.Open(d.urls["site"] + "/admin")
	page.Wait(`document.querySelector("input[name=csrfmiddlewaretoken]") != null`)
	if at, font := page.Text("location.pathname"), page.Text(`getComputedStyle(document.querySelector("#header")).display`); at != "/admin/login/" || font != "flex" {
		t.Errorf("Django's admin is at %s, and its header is shown as %s", at, font)
	}
	page.Fill("#id_username", "ada")
	page.Fill("#id_password", "wrong")
	page.Click("input[type=submit]")
	page.Wait(`document.querySelector(".errornote") != null`)

	page.Open(d.urls["albums"] + "/v1/albums/1/")
	if at := page.Text("location.pathname"); at != "/v1/albums/1" {
		t.Errorf("gin's redirect led to %s", at)
	}
	for _, function := range []string{"shop", "team"} {
		page.Open(d.named(function) + "/")
		page.Wait(`location.pathname == "/login" && document.forms.length == 1`)
		page.Text(`document.forms[0].insertAdjacentHTML("beforeend", "<input name=user><button>enter</button>")`)
		page.Fill("input", "ada of "+function)
		page.Click("button")
		page.Wait(fmt.Sprintf("document.body.textContent == %q", "hello ada of "+function))
	}
	other := b.Page() // both sessions hold
	for _, function := range []string{"shop", "team"} {
		other.Open(d.named(function) + "/")
		if got := other.Text("document.body.textContent"); got != "hello ada of "+function {
			t.Errorf("at %s the session is gone: %s", function, got)
		}
	}
	before := len(b.Errors()) // of frameworks' own pages
	statusPage(t, d, page)
	if all := b.Errors(); len(all) > before {
		t.Errorf("the status page is refused something: %v", all[before:])
	}
}

// statusPage looks at the status page that `ferry open` opens, in windows of two widths and in both colours.
func statusPage(t *testing.T, d *deployed, page *browser.Page) {
	t.Helper()
	opened := filepath.Join(d.home, "opened")
	opener := fmt.Sprintf("#!/bin/sh\nprintf %%s \"$1\" > '%s'\n", opened)
	if err := os.WriteFile(filepath.Join(d.dir, "xdg-open"), []byte(opener), 0o755); err != nil {
		t.Fatal(err)
	}
	d.command("env", "PATH="+d.dir+":"+os.Getenv("PATH"), binary, "open")
	address, err := os.ReadFile(opened)
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{360, 1280} {
		for _, colours := range []string{"light", "dark"} {
			page.Look(width, colours)
			page.Open(string(address))
			if text := page.Text("document.body.innerText"); !strings.Contains(text, "cold starts") || !strings.Contains(text, "albums") || !strings.Contains(text, "Queues") {
				t.Errorf("the page shows %s", text)
			}
			if over := page.Text("document.documentElement.scrollWidth - document.documentElement.clientWidth"); over != "0" {
				t.Errorf("a window of %d pixels is %s too narrow for the page", width, over)
			}
			shot := page.Screenshot()
			if err := os.WriteFile(filepath.Join(t.ArtifactDir(), fmt.Sprintf("%d-%s.png", width, colours)), shot, 0o644); err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(bytes.NewReader(shot))
			if err != nil {
				t.Fatal(err)
			}
			if r, _, _, _ := picture.At(1, 1).RGBA(); (r < 0x6000) != (colours == "dark") {
				t.Errorf("in %s colours the ground is %x", colours, r)
			}
		}
	}
}
