package draft

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
)

// Literal is a text that the manifest leaves as it is.
func Literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }

var quantity = pattern.Of(`^(\d+(?:\.\d+)?)(m|k|K|Ki|M|Mi|MB|G|Gi|GB)?$`)

// Memory is a quantity of Kubernetes, or one of Google's as 256M, in whole megabytes; "" is none that can be read.
func Memory(text string) string {
	parts := quantity().FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return ""
	}
	n, err := strconv.ParseFloat(parts[1], 64)
	of := map[string]float64{"": 1, "k": 1000, "K": 1000, "Ki": 1 << 10, "M": 1e6, "Mi": 1 << 20, "MB": 1 << 20, "G": 1e9, "Gi": 1 << 30, "GB": 1 << 30}[parts[2]]
	if err != nil || of == 0 {
		return ""
	}
	if parts[2] == "M" || parts[2] == "G" { // which Google writes for what it calls 256 MiB
		return strconv.Itoa(int(n*of/1e6)) + "MB"
	}
	return strconv.Itoa(int(math.Ceil(n*of/(1<<20)))) + "MB"
}

// Folder is the service's name by the folder that a file lies in.
func Folder(file string) string {
	dir, err := filepath.Abs(filepath.Dir(file))
	if name := Name(filepath.Base(dir)); err == nil && name != "" {
		return name
	}
	return "service"
}

// Bounds are those of the function's instances, made when they are first asked for.
func (f *Function) Bounds() *Scaling {
	if f.Scaling == nil {
		f.Scaling = &Scaling{}
	}
	return f.Scaling
}
