package node

import "strings"

// maker is a call of createRequire, and the place that it is called with.
func (p *paths) maker(words []token, i int) (from string, next int, ok bool) {
	for {
		if word(words, i+1) == "(" && word(words, i+3) == ")" && strings.TrimPrefix(words[i+2].text, "node:") == "module" {
			i += 3 // require("module").createRequire
		}
		if word(words, i+1) != "." {
			break
		}
		i += 2
	}
	if word(words, i) != "createRequire" || word(words, i+1) != "(" {
		return "", 0, false
	}
	args, next := p.arguments(words, i+2)
	if len(args) != 1 || !args[0].rooted {
		return "", 0, false
	}
	return args[0].text, next, true
}

// loading notes a module that is asked for: load("./a.cjs") with a function of the module's own, require.resolve("p/a").
func (p *paths) loading(words []token, i int) (next int, ok bool) {
	from, own := p.own[word(words, i)]
	at := i + 1
	switch {
	case word(words, i-1) == "." && word(words, i) != "createRequire":
		return 0, false
	case own && word(words, at) == "." && word(words, at+1) == "resolve":
		at += 2
	case own:
	case word(words, i) == "require" && word(words, at) == "." && word(words, at+1) == "resolve":
		from, at = p.file, at+2
	case word(words, i) == "import" && word(words, at) == "." && word(words, at+1) == "meta" && word(words, at+2) == "." && word(words, at+3) == "resolve":
		from, at = p.file, at+4
	case word(words, i) == "createRequire":
		made, next, ok := p.maker(words, i)
		if !ok {
			return 0, false
		}
		if from, at = made, next; word(words, at) == "." && word(words, at+1) == "resolve" {
			at += 2
		}
	default:
		return 0, false
	}
	if word(words, at) != "(" || at+1 >= len(words) || words[at+1].kind != aString {
		return 0, false
	}
	p.loads = append(p.loads, load{words[at+1].text, from, words[at].line})
	return at + 2, true
}
