package chart_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ferryfn/ferry/internal/browser"
	"github.com/ferryfn/ferry/migrate/chart"
)

func TestAPageIsReadOnATelephoneWithoutMovingItSideways(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	page := chart.Page("local and http://127.0.0.1:23914/", "<table><tr><th>request<th>in<th>https://shop.example.com/</table>")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	window := browser.Start(t).Page()
	window.Open("file://" + file)
	window.Look(360, "light")
	if over := window.Text("document.documentElement.scrollWidth - document.documentElement.clientWidth"); over != "0" {
		t.Errorf("the page is %s pixels too wide", over)
	}
}
