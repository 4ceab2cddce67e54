package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/ferryfn/ferry/release"
)

// gitPatience is how long a deploy waits for git, which has as long as a build takes for nothing: it looks at the whole tree. Without
// the commit nobody can tell later which of two deploys is the newer.
const gitPatience = 10 * time.Second

// origin finds out, in the background, who deploys and from what. Saved packages in a folder of the tree, "" being none,
// make no difference to it. The returned function waits for what was found.
func (a *app) origin(ctx context.Context, packages string) func() release.Origin {
	found := make(chan release.Origin, 1)
	go func() {
		o := release.Origin{Actor: a.actor(), Version: a.version().Version}
		o.Commit, o.Dirty = commit(ctx, a.dir(), packages)
		o.Precedes = func(ctx context.Context, older, newer string) (bool, error) {
			return precedes(ctx, a.dir(), older, newer)
		}
		found <- o
	}()
	return func() release.Origin { return <-found }
}

// actor is the CI job that runs ferry, else user@host.
func (a *app) actor() string {
	switch {
	case a.env["GITHUB_ACTIONS"] != "":
		return fmt.Sprintf("%s (github run %s)", a.env["GITHUB_ACTOR"], a.env["GITHUB_RUN_ID"])
	case a.env["GITLAB_CI"] != "":
		return fmt.Sprintf("%s (gitlab job %s)", a.env["GITLAB_USER_LOGIN"], a.env["CI_JOB_ID"])
	}
	name := a.env["USER"]
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		return name
	}
	return name + "@" + host
}

// commit is the git commit of dir and whether the tree differs from it, but for a folder in it; "" outside a repository.
func commit(ctx context.Context, dir, besides string) (sha string, dirty bool) {
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	args := []string{"-C", dir, "status", "--porcelain=v2", "--branch", "--", ":/"}
	if rel, err := filepath.Rel(dir, besides); err == nil && rel != "." && filepath.IsLocal(rel) {
		args = append(args, ":(exclude,literal)"+filepath.ToSlash(rel))
	}
	out, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(out)) {
		oid, isCommit := strings.CutPrefix(line, "# branch.oid ")
		switch {
		case isCommit:
			sha = strings.TrimSpace(oid)
		case !strings.HasPrefix(line, "#"):
			dirty = true
		}
	}
	if sha == "(initial)" {
		return "", false
	}
	return sha, dirty
}

// inRepository is a folder's path from the root of the repository that it lies in; "" is that it lies in none.
func inRepository(dir string) string {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	for root := dir; ; root = filepath.Dir(root) {
		if _, err := os.Lstat(filepath.Join(root, ".git")); err == nil { // a file in a worktree
			path, err := filepath.Rel(root, dir)
			if err != nil {
				return ""
			}
			return filepath.ToSlash(path)
		}
		if root == filepath.Dir(root) {
			return ""
		}
	}
}

// precedes reports whether a commit is an ancestor of another one. A clone may not know the other.
func precedes(ctx context.Context, dir, older, newer string) (bool, error) {
	if older == newer {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	err := exec.CommandContext(ctx, "git", "-C", dir, "merge-base", "--is-ancestor", older, newer).Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &ended) && ended.ExitCode() == 1:
		return false, nil
	}
	return false, fmt.Errorf("this clone lacks commit %s or commit %s", short(older), short(newer))
}

// gitSHA is the commit for ${git:sha}.
func gitSHA(dir string) (string, error) {
	out, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("asking git for the commit of %s: %w: %s", dir, err, text)
	}
	return text, nil
}
