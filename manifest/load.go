package manifest

// Options say which manifest to load and for what.
type Options struct {
	Dir    string // where to look; "" is the working directory
	File   string // the manifest; "" is ferry.yaml in Dir or in the nearest folder above it
	Stage  string // "" is dev
	Target string // "" is the manifest's default_target, else local
	// Env looks up ${env:NAME}.
	Env func(name string) (string, bool)
	// Git returns the commit for ${git:sha}; it is called only when the manifest asks.
	Git func(dir string) (string, error)
	// Providers are the blocks that may appear, by provider name.
	Providers map[string]Blocks
}

// Blocks are pointers to zero structs that a provider decodes its blocks into: they give the strict
// decoding and the JSON Schema of `targets.<name>` and of `functions.<name>.<provider>`.
type Blocks struct {
	Target   any
	Function any
}

// Load reads, resolves and validates the manifest. A failure is of type Problems and holds all errors.
func Load(o Options) (*Manifest, error) { panic("being written") }

// Locate returns the position of a function's field, named as in "memory" or "events[0].schedule.cron",
// or of the nearest enclosing thing that the file holds.
func (m *Manifest) Locate(function, field string) Position { panic("being written") }

// Schema is the JSON Schema of ferry.yaml with the blocks of the given providers.
func Schema(providers map[string]Blocks) ([]byte, error) { panic("being written") }

type positions map[string]Position
