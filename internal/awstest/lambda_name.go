package awstest

import (
	"regexp"
	"strings"
)

const functionPattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?` +
	`(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?`

var (
	functionName  = regexp.MustCompile("^" + functionPattern + "$")
	qualifierName = regexp.MustCompile(`^(\$LATEST|[a-zA-Z0-9-_$]+)$`)
	aliasName     = regexp.MustCompile(`^[a-zA-Z0-9-_]+$`)
	onlyDigits    = regexp.MustCompile(`^[0-9]+$`)
)

// reference parses the forms of a function's name: alone, as a part of its ARN, as its ARN, each with a qualifier or not.
func reference(name, qualifier string) (string, string, error) {
	parts := functionName.FindStringSubmatch(name)
	switch {
	case parts == nil:
		return "", "", constraint(name, "functionName", "Member must satisfy regular expression pattern: "+functionPattern)
	case len(name) > 140:
		return "", "", constraint(name, "functionName", "Member must have length less than or equal to 140")
	case qualifier != "" && !qualifierName.MatchString(qualifier):
		return "", "", constraint(qualifier, "qualifier",
			`Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`)
	}
	region, account := strings.TrimSuffix(parts[3], ":"), strings.TrimSuffix(parts[9], ":")
	base, derived := parts[11], parts[13]
	switch {
	case len(base) > 64:
		return "", "", refuse(400, "InvalidParameterValueException", "1 validation error detected: Value '%s' at 'functionName' "+
			"failed to satisfy constraint: Member must have length less than or equal to 64", base)
	case region != "" && region != Region:
		return "", "", refuse(404, "ResourceNotFoundException", "Functions from '%s' are not reachable in this region ('%s')", region, Region)
	case account != "" && account != Account:
		return "", "", refuse(403, "AccessDeniedException", "User: %s is not authorized to perform: lambda:GetFunction on resource: %s "+
			"because no resource-based policy allows the lambda:GetFunction action", Caller, name)
	case derived != "" && qualifier != "" && derived != qualifier:
		return "", "", refuse(400, "InvalidParameterValueException",
			"The derived qualifier from the function name does not match the specified qualifier.")
	case derived != "":
		qualifier = derived
	}
	return base, qualifier, nil
}

// lookup finds a function. The qualifier is what the name or the parameter says; nobody has looked for it yet.
func (c *Cloud) lookup(name, qualifier *string) (*function, string, error) {
	base, q, err := reference(deref(name), deref(qualifier))
	if err != nil {
		return nil, "", err
	}
	f := c.functions[base]
	if f == nil {
		missing := function{name: base}
		return nil, "", missingFunction(missing.arn(q))
	}
	return f, q, nil
}

// whole finds a function for an operation that knows no qualifiers.
func (c *Cloud) whole(name *string) (*function, error) {
	f, qualifier, err := c.lookup(name, nil)
	if err == nil && qualifier != "" {
		return nil, refuse(400, "InvalidParameterValueException", "This operation is permitted on Lambda functions only. "+
			"Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return f, err
}

func missingFunction(arn string) error {
	return refuse(404, "ResourceNotFoundException", "Function not found: %s", arn)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
