package providers

import "fmt"

// Checker collects the issues of one function, for an adapter's Check.
type Checker struct {
	Function string
	Issues   []Issue
}

// Block adds a blocker.
func (c *Checker) Block(field, hint, format string, args ...any) {
	c.Add(Issue{Severity: Blocker, Field: field, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// Warn adds a warning.
func (c *Checker) Warn(field, hint, format string, args ...any) {
	c.Add(Issue{Severity: Warning, Field: field, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// Add adds an issue of the function.
func (c *Checker) Add(i Issue) {
	i.Function = c.Function
	c.Issues = append(c.Issues, i)
}
