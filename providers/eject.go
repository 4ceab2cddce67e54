package providers

import "io"

// Ejector says functions in the words of the provider's own tools, so that they are deployed without ferry. Pure: it asks
// nobody, and reads nothing but packages.
type Ejector interface {
	// Eject takes all functions of the service and stage. The secrets of a spec are references, and so is what it writes.
	Eject(specs []Spec) (Ejection, error)
}

// Ejection is a folder from which functions are deployed without ferry.
type Ejection struct {
	Format   string            // whose files they are, such as "AWS SAM"
	Files    map[string][]byte // by slash paths
	Packages []EjectedPackage
	// Said is what became of each setting that a function can have.
	Said []Said
	// Steps are what whoever deploys it does, in this order: commands, run in the folder, and what no file can say.
	Steps []string
}

// EjectedPackage is a package in such a folder.
type EjectedPackage struct {
	Function string
	Path     string                        // the zip, or the folder that it is unpacked to
	Unpacked bool                          // it is a folder
	Open     func() (io.ReadCloser, error) // the zip
}

// Said is what became of a setting: where it stands, or the reason why it stands nowhere.
type Said struct {
	// Setting is as in Issue, with [] for any event and without the provider's name: config.layers is functions.NAME.aws.layers. It
	// is said of all below it that nothing else is said of. A setting of the target begins with target.
	Setting string
	To      string
	Reason  string
}
