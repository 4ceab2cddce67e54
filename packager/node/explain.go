package node

import (
	"encoding/json"
	"path"
	"slices"
)

// Imports is how imports lead from the handler to a file, by what esbuild says of a bundle; nil when they do not.
func Imports(bundle json.RawMessage, handler, file string) []string {
	var meta struct {
		Inputs map[string]struct {
			Imports []struct {
				Path string `json:"path"`
			} `json:"imports"`
		} `json:"inputs"`
	}
	if json.Unmarshal(bundle, &meta) != nil {
		return nil
	}
	handler = path.Clean(handler)
	from := map[string]string{handler: ""}
	for queue := []string{handler}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == file {
			chain := []string{}
			for at := file; at != ""; at = from[at] {
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, i := range meta.Inputs[queue[0]].Imports {
			if _, seen := from[i.Path]; !seen {
				from[i.Path] = queue[0]
				queue = append(queue, i.Path)
			}
		}
	}
	return nil
}
