package aws

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/marks"
	"github.com/ferryfn/ferry/providers/names"
)

// ours begins the keys of ferry's own tags.
const ours = "ferry:"

// The tags by which ferry knows its own. Those of a function come with GetFunction, so they also say where else to
// look, and the status of most functions takes that one call. Each is set before what it tells of can be there.
const (
	tagService  = ours + "service"
	tagStage    = ours + "stage"
	tagFunction = ours + "function"
	tagURL      = ours + "url"      // the Function URL of the alias
	tagSettings = ours + "settings" // the digest of the settings that hold; unsettled while they are changed
	tagWarm     = ours + "warm"     // provisioned concurrency may be configured
	tagBound    = ours + "bound"    // events may be bound
	tagCanary   = ours + "canary"   // requests may be split
	tagTags     = ours + "tags"     // the keys of the manifest's own tags
	tagRoles    = ours + "roles"    // given: no role was made for the function
	tagBoundary = ours + "boundary" // of a role: its boundary is the manifest's
)

// unsettled is the value of tagSettings while settings are changed.
const unsettled = "changing"

// maxName is how long the names of functions and roles may be.
const maxName = 64

// naming is how such names are made.
func naming() names.Rule { return names.Rule{Most: maxName} }

// functionName is the name of a function at AWS.
func (p *place) functionName(fn string) string {
	return naming().Of(p.prefix() + fn)
}

// prefix begins the names of all functions of the service and stage, but for those that had to be shortened far.
func (p *place) prefix() string { return p.service + "-" + p.stage + "-" }

// roleName is the name of a function's execution role. Roles are of the account, so it names the region.
func (p *place) roleName(fn string) string {
	return naming().Of(p.prefix() + fn + "-" + p.target.Region)
}

// schedulerRoleName is the name of the role by which schedules call a function.
func (p *place) schedulerRoleName(fn string) string {
	return naming().Of(p.prefix() + fn + "-" + p.target.Region + "-schedule")
}

func (p *place) logGroupName(fn string) string { return "/aws/lambda/" + p.functionName(fn) }

// tags are those of all that is made for a function.
func (p *place) tags(fn function) map[string]string {
	tags := maps.Clone(fn.own.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	keys := strings.Join(slices.Sorted(maps.Keys(tags)), " ")
	maps.Copy(tags, tagged().Of(p.owner(fn.Name)))
	if keys != "" && len(keys) <= maxTagValue {
		tags[tagTags] = keys
	}
	return tags
}

// retagging is what gives a thing the wanted tags: the keys that have to go, which are those that the manifest asked for
// before and those of ferry's own that are named, and the tags that are not there so.
func retagging(want, has map[string]string, own ...string) (gone []string, left map[string]string) {
	return marks.Change(want, has, slices.Concat(strings.Fields(has[tagTags]), []string{tagTags}, own)...)
}

// owner is whose the things of a function are.
func (p *place) owner(fn string) marks.Owner {
	return marks.Owner{Service: p.service, Stage: p.stage, Function: fn}
}

// owns reports whether tags say that ferry made a thing for this function.
func (p *place) owns(tags map[string]string, fn string) bool {
	return tagged().Owned(tags, p.owner(fn))
}

// tagged is how ferry marks what it makes.
func tagged() marks.Syntax { return marks.Syntax{Prefix: ours} }

// label is what a version's description says of it: digests of its configuration, and of the settings that AWS does
// not version, the rights of its role among them. Equal digests need no look at what they are of. A version of the
// same content is another all the same when the role was made again.
type label struct {
	config   string // "sha256:…"
	settings string
	role     string // the id of the role that ferry made, "" of one that was given
}

func (l label) String() string {
	text := fmt.Sprintf("ferry %s settings=%s", l.config, l.settings)
	if l.role != "" {
		text += " role=" + l.role
	}
	return text
}

// labelOf reads a description; one that ferry did not write gives a zero label.
func labelOf(c *types.FunctionConfiguration) label {
	var l label
	if n, _ := fmt.Sscanf(aws.ToString(c.Description), "ferry %s settings=%s role=%s", &l.config, &l.settings, &l.role); n < 2 {
		return label{}
	}
	return l
}

// label is that of the version that is made of a spec.
func (c *connection) label(s spec, role executor) label {
	return label{config: s.config(), settings: c.settingsDigest(s), role: role.id}
}

// settingsDigest is a digest of all that Activate converges.
func (c *connection) settingsDigest(s spec) string {
	fn := s.function
	data, err := json.Marshal(struct {
		HTTP      *manifest.HTTPEvent
		Stream    bool
		Scaling   manifest.Scaling
		Retention int
		Tags      map[string]string
		Rights    string
	}{fn.HTTP(), fn.own.ResponseStream, fn.Scaling, fn.own.retention(), c.tags(fn), c.rightsDigest(s)})
	if err != nil {
		panic(fmt.Sprintf("settings always have a JSON form: %v", err))
	}
	return short(data)
}

// short is a digest for comparing.
func short(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// revisionOf is the revision that a version is, as its own configuration says.
func revisionOf(c *types.FunctionConfiguration) providers.Revision {
	return providers.Revision{ID: aws.ToString(c.Version), Digest: digestOf(c)}
}

// digestOf is the digest of the spec that code and configuration were made of. One that ferry did not make has a
// digest that no spec has.
func digestOf(c *types.FunctionConfiguration) string {
	return providers.SpecDigest(labelOf(c).config, zipDigest(aws.ToString(c.CodeSha256)))
}

// zipDigest turns AWS's digest of a zip into ferry's, codeDigest the other way.
func zipDigest(sha256Base64 string) string {
	sum, err := base64.StdEncoding.DecodeString(sha256Base64)
	if err != nil {
		return ""
	}
	return "sha256:" + hex.EncodeToString(sum)
}

func codeDigest(zip string) string {
	sum, err := hex.DecodeString(strings.TrimPrefix(zip, "sha256:"))
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// configuration is all of a version but its code.
func (c *connection) configuration(s spec, role executor) *lambda.UpdateFunctionConfigurationInput {
	fn, own := s.function, s.function.own
	r := runtimes()[fn.Runtime]
	in := &lambda.UpdateFunctionConfigurationInput{
		FunctionName:     aws.String(c.functionName(fn.Name)),
		Description:      aws.String(c.label(s, role).String()),
		Role:             aws.String(role.arn),
		Runtime:          types.Runtime(r.ID),
		Handler:          aws.String(handler(s.artifact.Entry)),
		MemorySize:       aws.Int32(int32(fn.Memory.MB())),
		Timeout:          aws.Int32(int32(fn.Timeout.Std().Seconds())),
		Environment:      &types.Environment{Variables: c.environment(s)},
		Layers:           append([]string{}, own.Layers...),
		EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(int32(own.storage().MB()))},
		TracingConfig:    &types.TracingConfig{Mode: types.TracingModePassThrough},
		DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String(own.DeadLetter)},
		VpcConfig:        &types.VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}},
	}
	if own.traced() {
		in.TracingConfig.Mode = types.TracingModeActive
	}
	if own.VPC != nil {
		in.VpcConfig.SubnetIds, in.VpcConfig.SecurityGroupIds = own.VPC.Subnets, own.VPC.SecurityGroups
	}
	return in
}

// creation is the first version. AWS makes it of code and configuration at once.
func (p *place) creation(u *lambda.UpdateFunctionConfigurationInput, s spec) *lambda.CreateFunctionInput {
	in := &lambda.CreateFunctionInput{
		FunctionName: u.FunctionName, Description: u.Description, Role: u.Role, Runtime: u.Runtime, Handler: u.Handler,
		MemorySize: u.MemorySize, Timeout: u.Timeout, Environment: u.Environment, Layers: u.Layers,
		EphemeralStorage: u.EphemeralStorage, TracingConfig: u.TracingConfig,
		Architectures: architecture(s.function), PackageType: types.PackageTypeZip,
		Publish: true, Tags: p.tags(s.function),
	}
	if rolesGiven(s.function) {
		in.Tags[tagRoles] = "given"
	}
	if aws.ToString(u.DeadLetterConfig.TargetArn) != "" {
		in.DeadLetterConfig = u.DeadLetterConfig
	}
	if len(u.VpcConfig.SubnetIds) > 0 {
		in.VpcConfig = u.VpcConfig
	}
	return in
}

func architecture(fn function) []types.Architecture {
	if fn.Architecture == "arm64" {
		return []types.Architecture{types.ArchitectureArm64}
	}
	return []types.Architecture{types.ArchitectureX8664}
}

// handler is how the runtime finds the entry of a package.
func handler(entry string) string {
	switch ext := path.Ext(entry); ext {
	case ".mjs", ".cjs", ".js", ".py":
		return strings.TrimSuffix(entry, ext) + ".handler"
	}
	return entry
}

// environment is the function's own, and what its shim needs. References of secrets are in it, never their values.
func (p *place) environment(s spec) map[string]string {
	fn := s.function
	env := map[string]string{}
	if fn.Runtime.Language() == "nodejs" {
		env["NODE_OPTIONS"] = "--enable-source-maps"
	}
	if adapted(fn) {
		env["PORT"], env["AWS_LWA_PORT"], env["AWS_LWA_READINESS_CHECK_PROTOCOL"] = "8080", "8080", "tcp"
	}
	maps.Copy(env, fn.Env)
	env["FERRY_DIGEST"] = s.config()
	env["FERRY_SERVICE"], env["FERRY_STAGE"], env["FERRY_FUNCTION"] = p.service, p.stage, fn.Name
	if fn.own.ResponseStream {
		env["FERRY_RESPONSE_STREAM"] = "1"
	}
	if len(s.secrets) > 0 {
		refs, err := json.Marshal(s.secrets)
		if err != nil {
			panic(fmt.Sprintf("references always have a JSON form: %v", err))
		}
		env["FERRY_SECRETS"] = string(refs)
	}
	return env
}

// adapted reports whether AWS's Lambda Web Adapter stands before a program that listens on a port.
func adapted(fn function) bool {
	for _, layer := range fn.own.Layers {
		if strings.Contains(layer, ":layer:LambdaAdapterLayer") {
			return fn.Style == manifest.StyleServer
		}
	}
	return false
}

// tag adds tags to a function.
func (c *connection) tag(ctx context.Context, fn string, tags map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	_, err := c.lambda.TagResource(ctx, &lambda.TagResourceInput{Resource: aws.String(c.functionARN(fn)), Tags: tags})
	return err
}

// untag takes tags away from a function.
func (c *connection) untag(ctx context.Context, fn string, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	_, err := c.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: aws.String(c.functionARN(fn)), TagKeys: keys})
	return err
}

var lambdaForm = pattern.Of(`^arn:[a-z-]+:lambda:([^:]+):(\d+):function:(.+)$`)

// named is the function's own name, and the alias or version that is asked for.
func (c *connection) named(fn string) (function, qualifier string, err error) {
	if m := lambdaForm().FindStringSubmatch(fn); m != nil {
		if m[1] != c.region || m[2] != c.account {
			return "", "", &providers.Error{
				Kind: providers.NotFound, Op: "read", Provider: name, Function: m[3], Hint: "choose its region with --set region=" + m[1] + ", and credentials of its account",
				Err: fmt.Errorf("it is in %s of the account %s, and this is %s of %s", m[1], m[2], c.region, c.account),
			}
		}
		fn = m[3]
	}
	function, qualifier, _ = strings.Cut(fn, ":")
	return function, qualifier, nil
}

// wordsOf are the members of an answer of AWS by their names.
func wordsOf(answer any) (words map[string]any, err error) {
	text, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(text, &words)
	}
	return words, err
}

// bare is a value without members that are not set. A variable may be empty.
func bare(value any) any {
	members, ok := value.(map[string]any)
	if !ok {
		return value
	}
	kept := map[string]any{}
	for key, member := range members {
		switch m := member.(type) {
		case nil:
			continue
		case string:
			if m == "" {
				continue
			}
		case []any:
			if len(m) == 0 {
				continue
			}
		case map[string]any:
			if len(m) == 0 {
				continue
			}
			if key != "Variables" {
				member = bare(m)
			}
		}
		kept[key] = member
	}
	return kept
}
