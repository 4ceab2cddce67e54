package cmd

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// browserPatience is how long a browser that cannot start has to say so; one that starts may go on as long as it likes.
const browserPatience = 3 * time.Second

// SystemBrowser shows a URL in the browser of whoever runs ferry.
func SystemBrowser(ctx context.Context, url string) error {
	var c *exec.Cmd
	switch runtime.GOOS {
	case "darwin":
		c = exec.Command("open", url)
	case "windows":
		c = exec.Command("rundll32", "url.dll,FileProtocolHandler", url)
	default:
		c = exec.Command("xdg-open", url)
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("starting a browser: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	ctx, cancel := context.WithTimeoutCause(ctx, browserPatience, errGoesOn)
	defer cancel()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", c.Args[0], err)
		}
		return nil
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), errGoesOn) {
			return nil
		}
		return context.Cause(ctx)
	}
}

// errGoesOn is the cause that ends the wait for a browser.
var errGoesOn = errors.New("the browser goes on")
