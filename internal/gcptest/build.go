package gcptest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/artifactregistry/v1"
	"google.golang.org/api/cloudbuild/v1"
	"google.golang.org/api/cloudfunctions/v2"
	"google.golang.org/api/logging/v2"
)

func cloudBuildAPI() *api {
	return &api{
		name: "cloudbuild", host: "cloudbuild.googleapis.com",
		versions: []version{{"cloudbuild/v1", map[string]handler{
			"projects.builds.get":                         (*Server).getBuild,
			"projects.locations.builds.get":               (*Server).getBuild,
			"projects.locations.builds.list":              (*Server).listBuilds,
			"projects.locations.getDefaultServiceAccount": (*Server).getDefaultServiceAccount,
		}}},
	}
}

// build is one of Cloud Build's.
type build struct {
	is         *cloudbuild.Build
	function   string
	runtime    string
	variables  map[string]string
	source     []byte
	provenance *cloudfunctions.SourceProvenance
	image      string        // that it made
	done       chan struct{} // closed when it has ended
	fail       *failure      // valid when done
	log        []string
	unstarted  bool // nobody will start what it makes: only the rules are to be kept
}

// buildConsole is where people read a build's log.
func buildConsole(name string) string {
	return "https://console.cloud.google.com/cloud-build/builds;region=" + regionOf(name) + "/" + lastOf(name) + "?project=" + Number
}

// beginBuild builds the source of a function, beside.
func (s *Server) beginBuild(f *function) *build {
	config := f.is.BuildConfig
	region := regionOf(f.is.Name)
	name := "projects/" + Number + "/locations/" + region + "/builds/" + s.uid()
	source, _ := s.sourceOf(config.Source.StorageSource) // it has been looked for
	resolved := *config.Source.StorageSource
	resolved.Bucket, resolved.Object = "gcf-v2-sources-"+Number+"-"+region, f.id()+"/function-source.zip"
	resolved.Generation = s.place.generation()
	b := &build{
		is: &cloudbuild.Build{
			Id: lastOf(name), Name: name, ProjectId: Project, Status: "WORKING", CreateTime: now(), StartTime: now(), LogUrl: buildConsole(name),
			ServiceAccount: config.ServiceAccount,
		},
		function: f.is.Name, runtime: config.Runtime, variables: maps.Clone(config.EnvironmentVariables), source: source,
		provenance: &cloudfunctions.SourceProvenance{ResolvedStorageSource: &resolved}, done: make(chan struct{}),
		unstarted: s.controls().answer != nil,
	}
	if b.variables == nil {
		b.variables = map[string]string{}
	}
	b.variables["GOOGLE_FUNCTION_TARGET"] = config.EntryPoint
	s.builds[name] = b
	if s.repositories[config.DockerRepository] == nil && lastOf(config.DockerRepository) == functionImages {
		s.addRepository(&artifactregistry.Repository{Name: config.DockerRepository, Format: "DOCKER", Mode: "STANDARD_REPOSITORY"})
	}
	b.image = s.registryHost() + "/" + Project + "/" + lastOf(config.DockerRepository) + "/" + imageName(f) + ":version_" + strconv.Itoa(s.next())
	if fail := s.mayBuild(b); fail != nil {
		s.ended(b, fail)
		return b
	}
	s.work.Go(func() {
		fail := s.build(s.alive, b)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended(b, fail)
	})
	return b
}

// imageName is the name of a function's image: what the registry does not take is written otherwise.
func imageName(f *function) string {
	name := strings.ReplaceAll(Project, "-", "--") + "__" + strings.ReplaceAll(regionOf(f.is.Name), "-", "--") + "__"
	for _, r := range f.id() {
		switch {
		case r >= 'A' && r <= 'Z':
			name += "_" + strings.ToLower(string(r))
		case r == '-':
			name += "--"
		case r == '_':
			name += "__"
		default:
			name += string(r)
		}
	}
	return name
}

// forgetImages removes the images of a function.
func (s *Server) forgetImages(f *function) {
	if r := s.repositories[f.is.BuildConfig.DockerRepository]; r != nil {
		r.forget(func(p *pushed) bool { return p.name == imageName(f) })
	}
}

// mayBuild refuses a build whose service account lacks what a build needs
// (https://cloud.google.com/functions/docs/troubleshooting#build-service-account).
func (s *Server) mayBuild(b *build) *failure {
	account := "serviceAccount:" + lastOf(b.is.ServiceAccount)
	for _, needed := range []string{"logging.logEntries.create", "storage.objects.get", "artifactregistry.repositories.uploadArtifacts"} {
		if !s.place.may(account, needed, nil) {
			fail := refuse(codeInvalidArgument, "Build failed with status: FAILURE. Could not build the function due to a missing permission on the build service account. "+
				"If you didn't revoke that permission explicitly, this could be caused by a change in the organization policies. Please refer to the following "+
				"documentation for more details and resolution: https://cloud.google.com/functions/docs/troubleshooting#build-service-account")
			b.is.FailureInfo = &cloudbuild.FailureInfo{Type: "FETCH_SOURCE_FAILED", Detail: lastOf(b.is.ServiceAccount) + " does not have " + needed}
			return fail
		}
	}
	return nil
}

// build makes the image.
func (s *Server) build(ctx context.Context, b *build) *failure {
	dir, err := os.MkdirTemp(s.dir, "build")
	if err != nil {
		return refuse(codeInternal, "%v", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b.say("starting build %q", b.is.Id)
	pack := &buildpack{build: b, dir: filepath.Join(dir, "workspace"), layers: filepath.Join(dir, "layers"), added: map[string]string{}}
	config, err := pack.run(ctx)
	if err != nil {
		b.say("ERROR: failed to build: %v", err)
		return refuse(codeInvalidArgument, "Build failed with status: FAILURE and message: %v. For more details see the logs at %s.", err, b.is.LogUrl)
	}
	pack.added["workspace"], pack.added["layers"] = pack.dir, pack.layers
	if b.unstarted { // nobody will look at them
		clear(pack.added)
	}
	image, err := imageOfFolders(config, pack.added)
	if err == nil {
		err = s.store(b.image, image)
	}
	if err != nil {
		return refuse(codeInternal, "Build failed with status: INTERNAL_ERROR: %v", err)
	}
	b.say("PUSH")
	b.say("DONE")
	return nil
}

// say writes a line into the log of a build.
func (b *build) say(format string, args ...any) {
	b.log = append(b.log, strings.Split(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n")...)
}

// ended closes a build, and keeps its log where Cloud Build does.
func (s *Server) ended(b *build, fail *failure) {
	b.fail = fail
	b.is.Status, b.is.FinishTime = "SUCCESS", now()
	if fail != nil {
		b.is.Status, b.is.StatusDetail = "FAILURE", fail.message
		if b.is.FailureInfo == nil {
			b.is.FailureInfo = &cloudbuild.FailureInfo{Type: "USER_BUILD_STEP", Detail: fail.message}
		}
	}
	at := stamp(time.Now())
	for _, line := range b.log {
		s.place.entries = append(s.place.entries, &logging.LogEntry{
			LogName: "projects/" + Project + "/logs/cloudbuild", Timestamp: at, ReceiveTimestamp: at, Severity: "INFO", TextPayload: line,
			InsertId: strconv.FormatInt(s.place.next(), 36), Labels: map[string]string{"build_step": "Step #0"},
			Resource: &logging.MonitoredResource{Type: "build", Labels: map[string]string{"build_id": b.is.Id, "project_id": Project}},
		})
	}
	close(b.done)
}

func (s *Server) getBuild(c *call) (any, error) {
	id := lastOf(c.vars["name"])
	if id == "" {
		id = c.vars["id"]
	}
	for _, b := range s.builds {
		if b.is.Id == id {
			return b.is, nil
		}
	}
	return nil, refuse(codeNotFound, "Requested entity was not found.")
}

func (s *Server) listBuilds(*call) (any, error) {
	out := &cloudbuild.ListBuildsResponse{}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(s.builds))) {
		out.Builds = append(out.Builds, s.builds[name].is)
	}
	return out, nil
}

func (s *Server) getDefaultServiceAccount(*call) (any, error) {
	return &cloudbuild.DefaultServiceAccount{
		Name: "projects/" + Number + "/locations/" + Region + "/defaultServiceAccount", ServiceAccountEmail: "projects/" + Project + "/serviceAccounts/" + Compute,
	}, nil
}
