package manifest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Decode fills v, a pointer to a struct with json tags, and reports every unknown key, wrong type and
// bad unit at its position. A nil node leaves v as it is. Fields may be text, whole numbers, numbers, booleans,
// structs, pointers, lists, maps by text, *Node, any, and types that read themselves with UnmarshalText or
// UnmarshalJSON, whose errors continue a sentence that begins with the key. A number where text is asked for
// is an error, because YAML reads 0123 and 1e3 as other numbers than they look.
func (n *Node) Decode(v any) Problems {
	if n == nil {
		return nil
	}
	d := decoder{function: n.function, fields: fields{}}
	d.decode(n, v, n.path)
	return d.report.done()
}

// text is a string that may be written as a number or a boolean: it is kept as the file has it.
type text string

type decoder struct {
	report   report
	function string
	// raw decodes a block before interpolation: a scalar that holds ${ may become anything.
	raw bool
	// resolved decodes a block that was decoded raw before: its unknown keys are reported already.
	resolved bool
	// extra are keys that are handled elsewhere and only take part in suggestions.
	extra []string
	// broken collects the paths of values whose interpolation failed. They are skipped.
	broken []string
	fields fields
}

func (d *decoder) decode(n *Node, v any, path string) {
	d.value(n, reflect.ValueOf(v).Elem(), path)
}

func (d *decoder) problem(at place, path, hint, format string, args ...any) {
	d.report.add(Problem{
		Position: at.position(), Function: d.function, Field: path,
		Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// wrong reports a value of another kind than asked for.
func (d *decoder) wrong(n *Node, path, want string) {
	got, hint := n.kind.String(), shape(path, n, want)
	if n.kind == kindText {
		got = "the text " + quote(n.text)
		if b := strings.ToLower(n.text); want == kindBool.String() && (b == "yes" || b == "on" || b == "no" || b == "off") {
			hint = "write " + strconv.FormatBool(b == "yes" || b == "on")
		}
	}
	if (n.kind == kindNumber || n.kind == kindBool) && want == kindText.String() {
		got = n.text + " without quotes"
	}
	d.problem(n.at, path, hint, "%s must be %s, not %s", quote(leaf(path)), want, got)
}

// leaf is the last key of a path: "memory" of "functions.api.memory", "methods[1]" of "….methods[1]".
func leaf(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

func (d *decoder) value(n *Node, v reflect.Value, path string) {
	if d.report.full() || d.special(n, v, path) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.String:
		if n.kind == kindText || (n.loose || v.Type() == reflect.TypeFor[text]()) && n.scalar() {
			v.SetString(n.text)
			return
		}
		d.wrong(n, path, kindText.String())
	default:
		d.primitive(n, v, path)
	}
}

func (n *Node) scalar() bool {
	return n.kind == kindText || n.kind == kindNumber || n.kind == kindBool
}

// special handles what is decided before the Go kind: raw nodes, pointers, types that read themselves, and
// values that are not known yet.
func (d *decoder) special(n *Node, v reflect.Value, path string) (done bool) {
	switch v.Type() {
	case reflect.TypeFor[*Node]():
		v.Set(reflect.ValueOf(n.named(path, d.function)))
		return true
	case reflect.TypeFor[any]():
		if p := n.plain(); p != nil {
			v.Set(reflect.ValueOf(p))
		}
		return true
	}
	if n.broken {
		d.broken = append(d.broken, path)
	}
	if n.broken || d.raw && n.kind == kindText && strings.Contains(n.text, "${") {
		return true
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if n.kind == kindNull && v.Type().Elem().Kind() == reflect.Struct {
			n = newMap(n.at, nil) // `- http:` means `- http: {}`
		}
		d.value(n, v.Elem(), path)
		return true
	}
	var err error
	switch u := v.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		if !n.scalar() {
			d.wrong(n, path, kindText.String())
			return true
		}
		err = u.UnmarshalText([]byte(n.text))
		if err != nil {
			message, hint, found := strings.Cut(err.Error(), ": ")
			if !found {
				hint = "see `ferry schema` for what it takes"
			}
			d.problem(n.at, path, hint, "%s is %s, which %s", quote(leaf(path)), quote(n.text), message)
		}
		return true
	case json.Unmarshaler:
		data, merr := n.MarshalJSON()
		if merr == nil {
			merr = u.UnmarshalJSON(data)
		}
		if merr != nil {
			message, hint, found := strings.Cut(merr.Error(), ": ")
			if !found {
				hint = "see `ferry schema` for what it takes"
			}
			d.problem(n.at, path, hint, "%s %s", quote(leaf(path)), message)
		}
		return true
	}
	return false
}

func (d *decoder) primitive(n *Node, v reflect.Value, path string) {
	typed := func(k kind) bool { return n.kind == k || n.loose && n.scalar() }
	switch {
	case v.Kind() == reflect.Bool:
		if b, err := strconv.ParseBool(n.text); typed(kindBool) && err == nil {
			v.SetBool(b)
			return
		}
		d.wrong(n, path, kindBool.String())
	case v.CanInt():
		if i, err := strconv.ParseInt(n.text, 10, v.Type().Bits()); typed(kindNumber) && err == nil && jsonNumber.MatchString(n.text) {
			v.SetInt(i)
			return
		}
		d.wrongNumber(n, path)
	case v.CanFloat():
		if f, err := strconv.ParseFloat(n.text, v.Type().Bits()); typed(kindNumber) && err == nil && jsonNumber.MatchString(n.text) {
			v.SetFloat(f)
			return
		}
		d.wrong(n, path, kindNumber.String())
	default:
		panic(fmt.Sprintf("manifest: cannot decode %s into %s", path, v.Type()))
	}
}

func (d *decoder) wrongNumber(n *Node, path string) {
	if n.kind == kindNumber {
		d.problem(n.at, path, "write it in plain decimal digits", "%s must be a whole number, not %s", quote(leaf(path)), cut(n.text, 60))
		return
	}
	d.wrong(n, path, "a whole number")
}

func (d *decoder) list(n *Node, v reflect.Value, path string) {
	if n.kind != kindList {
		d.wrong(n, path, kindList.String())
		return
	}
	if len(n.items) == 0 {
		return // none is the same as no list
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (d *decoder) mapping(n *Node, v reflect.Value, path string) {
	if n.kind != kindMap {
		d.wrong(n, path, kindMap.String())
		return
	}
	if len(n.entries) == 0 {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.entries)))
	for _, e := range n.entries {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, item, path+"."+e.key)
		v.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), item)
	}
}

func (d *decoder) structure(n *Node, v reflect.Value, path string) {
	if n.kind != kindMap {
		d.wrong(n, path, kindMap.String())
		return
	}
	extra, known := d.extra, d.fields.of(v.Type())
	d.extra = nil
	for _, e := range n.entries {
		if d.report.full() {
			return
		}
		at := path + "." + e.key
		if path == "" {
			at = e.key
		}
		if f, ok := known.index[e.key]; ok {
			d.value(e.value, v.FieldByIndex(f), at)
			continue
		}
		if !d.resolved {
			d.unknown(e, at, slices.Concat(known.names, extra), d.within(v.Type(), e.key))
		}
	}
}

// within names the keys of a struct whose own keys include this one.
func (d *decoder) within(t reflect.Type, key string) (blocks []string) {
	known := d.fields.of(t)
	for _, name := range known.names {
		inner := t.FieldByIndex(known.index[name]).Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct {
			continue
		}
		if _, ok := d.fields.of(inner).index[key]; ok {
			blocks = append(blocks, name)
		}
	}
	return blocks
}

// unknown reports a key that nothing reads, or that is read in these blocks.
func (d *decoder) unknown(e entry, path string, known, blocks []string) {
	where := ""
	if i := strings.LastIndexByte(path, '.'); i > 0 && len(path)-i-1 == len(e.key) {
		where = " in " + cut(path[:i], 80)
	}
	hint := Suggest(e.key, known)
	switch {
	case len(blocks) > 0:
		hint = "write it in the block " + strings.Join(blocks, " or ")
	case len(known) == 0:
		hint = "remove it: no settings are known here"
	case hint == "":
		hint = "remove it, or see `ferry schema` for the keys that are known here"
	}
	d.problem(e.at, path, hint, "unknown key %s%s", quote(e.key), where)
}

// fields remembers the keys of struct types, which takes most of the time to find out.
type fields map[reflect.Type]fieldTable

type fieldTable struct {
	index map[string][]int
	names []string // sorted
}

// of returns the keys of a struct. A nil fields remembers nothing.
func (f fields) of(t reflect.Type) fieldTable {
	if table, ok := f[t]; ok {
		return table
	}
	table := fieldTable{index: map[string][]int{}}
	for _, field := range reflect.VisibleFields(t) {
		if name := jsonName(field); name != "" {
			table.index[name] = field.Index
			table.names = append(table.names, name)
		}
	}
	slices.Sort(table.names)
	if f != nil {
		f[t] = table
	}
	return table
}

// jsonName is the key of a field, "" when it has none.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() || f.Anonymous && name == "" {
		return ""
	}
	if name == "" {
		return f.Name
	}
	return name
}
