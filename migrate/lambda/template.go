package lambda

import (
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
)

// Template is the part of CloudFormation that names resources: what a reference to one of them means.
type Template struct {
	Resources  *foreign.Node
	Parameters *foreign.Node
	Region     string
	left       *int // how long what is computed may become
}

// maxComputed bounds what is computed for one text, in which each reference counts as a letter. AWS takes 4 KB of variables.
const maxComputed = 8192

// bounded is the template with a bound for one text.
func (t Template) bounded() Template {
	if t.left == nil {
		left := maxComputed
		t.left = &left
	}
	return t
}

// spend is whether what is computed may become longer by that.
func (t Template) spend(letters int) bool {
	*t.left -= letters
	return *t.left >= 0
}

// account stands for the account's number where CloudFormation fills it in.
const account = "ACCOUNT"

// Text is the text of a node, with the references resolved that can be: to parameters with a default, and to resources that
// are given a name. It is false where the value is known only once CloudFormation has made what it refers to.
func (t Template) Text(n *foreign.Node) (string, bool) {
	name, arg := intrinsic(n)
	if name == "" {
		if !n.Is(foreign.Scalar) || n.Tag() != "" {
			return "", false
		}
		if t.left != nil && !t.spend(len(n.Raw())) {
			return "", false
		}
		return n.Raw(), !strings.Contains(n.Raw(), "${AWS::")
	}
	t = t.bounded()
	if !t.spend(1) {
		return "", false
	}
	switch name {
	case "Ref":
		return t.ref(arg.Raw())
	case "Sub":
		return t.sub(arg)
	case "Join":
		return t.join(arg)
	}
	return "", false
}

// intrinsic is the function that a node calls, as {"Fn::Sub": …} or as !Sub …, with its argument.
func intrinsic(n *foreign.Node) (name string, arg *foreign.Node) {
	if tag := strings.TrimPrefix(n.Tag(), "!"); tag != "" {
		return tag, n
	}
	if e := n.Entries(); len(e) == 1 && (e[0].Key == "Ref" || strings.HasPrefix(e[0].Key, "Fn::")) {
		return strings.TrimPrefix(e[0].Key, "Fn::"), e[0].Value
	}
	return "", nil
}

// Computed is whether CloudFormation computes the node.
func Computed(n *foreign.Node) bool {
	name, _ := intrinsic(n)
	return name != ""
}

// nameKeys are the properties that give a resource of a type the name which a Ref to it is.
func nameKeys() map[string]string {
	return map[string]string{
		"AWS::SQS::Queue": "QueueName", "AWS::SNS::Topic": "TopicName", "AWS::S3::Bucket": "BucketName",
		"AWS::DynamoDB::Table": "TableName", "AWS::Serverless::SimpleTable": "TableName", "AWS::SSM::Parameter": "Name",
		"AWS::Logs::LogGroup": "LogGroupName", "AWS::Kinesis::Stream": "Name",
	}
}

func (t Template) ref(id string) (string, bool) {
	switch id {
	case "AWS::Region":
		return t.Region, t.Region != ""
	case "AWS::Partition":
		return "aws", true
	case "AWS::AccountId", "AWS::StackName":
		return "", false
	}
	if p := t.Parameters.Get(id); p != nil {
		d := p.Get("Default")
		return d.Raw(), d.Is(foreign.Scalar) && t.spend(len(d.Raw()))
	}
	switch t.Resources.At(id, "Type").Raw() {
	case "AWS::SQS::Queue", "AWS::SNS::Topic":
		return "", false // a Ref to these is a URL or an ARN
	}
	return t.given(id)
}

// Ref is the name of a topic of the template that a node refers to: a Ref to a topic is its ARN. It is false for anything else.
func (t Template) Ref(n *foreign.Node) (string, bool) {
	t = t.bounded()
	call, arg := intrinsic(n)
	if call != "Ref" || t.Resources.At(arg.Raw(), "Type").Raw() != "AWS::SNS::Topic" {
		return "", false
	}
	return t.given(arg.Raw())
}

// given is the name that a resource is given.
func (t Template) given(id string) (string, bool) {
	r := t.Resources.Get(id)
	key := nameKeys()[r.Get("Type").Raw()]
	if key == "" || r.At("Properties", key) == nil {
		return "", false
	}
	return t.Text(r.At("Properties", key))
}

var placeholder = pattern.Of(`\$\{([^}]*)\}`)

func (t Template) sub(arg *foreign.Node) (string, bool) {
	text, own := arg, (*foreign.Node)(nil)
	if arg.Is(foreign.List) && len(arg.Items()) == 2 {
		text, own = arg.Items()[0], arg.Items()[1]
	}
	ok := text.Is(foreign.Scalar)
	made := placeholder().ReplaceAllStringFunc(text.Raw(), func(s string) string {
		id := strings.TrimSpace(s[2 : len(s)-1])
		if rest, literal := strings.CutPrefix(id, "!"); literal {
			return "$${" + rest + "}" // which the manifest leaves as it is
		}
		var value string
		var known bool
		if own.Get(id) != nil {
			value, known = t.Text(own.Get(id))
		} else {
			value, known = t.ref(id)
		}
		if ok = ok && known; !ok {
			return "" // it is lost, however it goes on
		}
		return value
	})
	return made, ok
}

func (t Template) join(arg *foreign.Node) (string, bool) {
	parts := arg.Items()
	if len(parts) != 2 {
		return "", false
	}
	if !t.spend(len(parts[1].Items()) * len(parts[0].Raw())) {
		return "", false
	}
	var texts []string
	for _, item := range parts[1].Items() {
		text, ok := t.Text(item)
		if !ok {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, parts[0].Raw()), true
}

// Resource is the name of a queue, topic or bucket that an event names, by its name, its ARN or a reference. exact is false
// where CloudFormation chooses the name: the name is then one that the target's resources have to explain. found is false
// where nothing is named.
func (t Template) Resource(service string, n *foreign.Node) (name string, exact, found bool) {
	t = t.bounded()
	call, arg := intrinsic(n)
	id := ""
	switch call {
	case "Ref":
		id = arg.Raw()
	case "GetAtt":
		id, _, _ = strings.Cut(arg.Raw(), ".")
		if items := arg.Items(); arg.Is(foreign.List) && len(items) > 0 {
			id = items[0].Raw()
		}
	case "", "Sub", "Join":
		return t.resourceText(service, n)
	default:
		return "", false, false
	}
	if text, ok := t.given(id); ok {
		return text, true, true
	}
	if text, ok := t.ref(id); ok {
		name, found := Resource(service, text)
		return name, found, found
	}
	name, _ = t.Own(id)
	return name, false, id != "" && t.Resources.Get(id) != nil
}

// Own is the name of a resource of the template. It is false where CloudFormation chooses it: the name is then one that the
// target's resources have to explain.
func (t Template) Own(id string) (name string, exact bool) {
	if text, ok := t.bounded().given(id); ok {
		return text, true
	}
	return draft.Name(id), false
}

// resourceText reads an ARN, or a name, in which the account need not be known.
func (t Template) resourceText(service string, n *foreign.Node) (name string, exact, found bool) {
	text := n.Raw()
	if call, _ := intrinsic(n); call != "" {
		text, _ = t.withAccount(n)
	}
	name, found = Resource(service, text)
	return name, true, found && name != "" && !strings.Contains(name, "${AWS::")
}

// withAccount is the text with a word for the account.
func (t Template) withAccount(n *foreign.Node) (string, bool) {
	call, arg := intrinsic(n)
	if call == "Sub" && arg.Is(foreign.Scalar) {
		text := strings.NewReplacer("${AWS::AccountId}", account, "${AWS::Region}", "REGION", "${AWS::Partition}", "aws").Replace(arg.Raw())
		return t.sub(foreign.New(text))
	}
	if call == "Join" && len(arg.Items()) == 2 {
		var parts []string
		if !t.spend(len(arg.Items()[1].Items()) * len(arg.Items()[0].Raw())) {
			return "", false
		}
		for _, item := range arg.Items()[1].Items() {
			text, ok := t.Text(item)
			if _, ref := intrinsic(item); !ok && strings.HasPrefix(ref.Raw(), "AWS::") {
				text = account
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, arg.Items()[0].Raw()), true
	}
	return t.Text(n)
}
