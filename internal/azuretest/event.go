package azuretest

// written tells who wants to know that a blob was written.
func (c *Cloud) written(*account, string, string, *blob) {}

// removed tells who wants to know that a blob was removed.
func (c *Cloud) removed(*account, string, string) {}

// arrived tells that a message has come into some queue.
func (c *Cloud) arrived() {}
