package release

import "context"

// Plan says what Deploy would do, and changes nothing.
func (e *Engine) Plan(ctx context.Context, functions []string) (*Plan, error) { panic("being written") }

// Deploy makes the manifest what serves: all of it or nothing.
func (e *Engine) Deploy(ctx context.Context, o DeployOptions) (*Result, error) {
	panic("being written")
}

// PlanRollback says what Rollback would restore: the record's number, and the changes.
func (e *Engine) PlanRollback(ctx context.Context, o RollbackOptions) (int, *Plan, error) {
	panic("being written")
}

// Rollback makes an earlier release serve again, code and configuration.
func (e *Engine) Rollback(ctx context.Context, o RollbackOptions) (*Result, error) {
	panic("being written")
}

// Resume finishes an interrupted attempt.
func (e *Engine) Resume(ctx context.Context, force bool) (*Result, error) { panic("being written") }

// Releases lists the newest releases, newest first; limit 0 is all.
func (e *Engine) Releases(ctx context.Context, limit int) ([]Summary, error) { panic("being written") }

// Status compares what serves with the ledger.
func (e *Engine) Status(ctx context.Context) (*Status, error) { panic("being written") }

// Remove takes the service off the target.
func (e *Engine) Remove(ctx context.Context, o RemoveOptions) (*Removal, error) {
	panic("being written")
}
