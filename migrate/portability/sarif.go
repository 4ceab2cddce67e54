package portability

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// SARIF are the findings of targets in the Static Analysis Results Interchange Format 2.1.0, in the part of it that GitHub
// takes: each result has a rule, a message and a place. What is about the manifest as a whole stands at its first line.
func SARIF(manifest, version string, targets map[string][]Finding) ([]byte, error) {
	type text struct {
		Text string `json:"text"`
	}
	type rule struct {
		ID               string `json:"id"`
		ShortDescription text   `json:"shortDescription"`
	}
	type region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	type physical struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region region `json:"region"`
	}
	type location struct {
		PhysicalLocation physical `json:"physicalLocation"`
	}
	type outcome struct {
		RuleID    string     `json:"ruleId"`
		Level     string     `json:"level"`
		Message   text       `json:"message"`
		Locations []location `json:"locations"`
	}
	rules := map[string]bool{}
	results := []outcome{}
	for _, target := range slices.Sorted(maps.Keys(targets)) {
		for _, f := range targets[target] {
			rules[f.Rule] = true
			r := outcome{RuleID: f.Rule, Level: levels()[f.Level], Message: text{sentence(target, f)}}
			at := location{}
			at.PhysicalLocation.ArtifactLocation.URI = f.File
			at.PhysicalLocation.Region = region{StartLine: max(f.Line, 1), StartColumn: f.Column}
			if f.File == "" {
				at.PhysicalLocation.ArtifactLocation.URI = manifest
			}
			r.Locations = []location{at}
			results = append(results, r)
		}
	}
	var known []rule
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		known = append(known, rule{id, text{ruleText(id)}})
	}
	driver := map[string]any{"name": "ferry", "version": version, "rules": append([]rule{}, known...)}
	return json.MarshalIndent(map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []any{map[string]any{"tool": map[string]any{"driver": driver}, "results": results}},
	}, "", "  ")
}

func levels() map[Level]string {
	return map[Level]string{Blocker: "error", Change: "warning", Hint: "note"}
}

func sentence(target string, f Finding) string {
	text := fmt.Sprintf("on %s: %s", target, f.Message)
	if f.Function != "" {
		text = f.Function + " " + text
	}
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	return text
}

// ruleText says what a rule is about.
func ruleText(id string) string {
	switch id {
	case "vendor-sdk":
		return "the code calls a service of another provider"
	case "vendor-variable":
		return "the code reads a variable that another provider sets"
	case "local-disk":
		return "the code writes outside of the temporary folder"
	case "package":
		return "no package can be made for the target"
	}
	return "the target honours the setting otherwise, or not at all"
}
