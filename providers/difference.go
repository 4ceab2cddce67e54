package providers

import "maps"

// Difference is one setting that is not as its spec says.
type Difference struct {
	Path   string `json:"path"` // as in "url.auth" or "events[0].schedule"
	Spec   string `json:"spec"`
	Actual string `json:"actual"` // "" is missing
}

// Differences are what an Inspector finds.
type Differences []Difference

// Compare adds a setting that is not as it is wanted.
func (d *Differences) Compare(path, want, actual string) {
	if want != actual {
		*d = append(*d, Difference{Path: path, Spec: want, Actual: actual})
	}
}

// CompareHidden is Compare for values that must not be shown.
func (d *Differences) CompareHidden(path string, want, actual map[string]string) {
	if !maps.Equal(want, actual) {
		d.Compare(path, "•••", "••• (other values)")
	}
}

// Paths are the names of what differs.
func (d Differences) Paths() []string {
	var all []string
	for _, one := range d {
		all = append(all, one.Path)
	}
	return all
}
