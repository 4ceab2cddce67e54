package gcp

// account is the service account that a function runs as, "" for the project's own.
func (c *connection) account(s spec) string { return s.function.own.ServiceAccount }
