package api

import (
	"go/ast"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// memberName is the name that encoding/json gives a field with a tag; "" without one.
func memberName(field *ast.Field) string {
	if field.Tag == nil {
		return ""
	}
	tag, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

var (
	qualified  = regexp.MustCompile(`\b([A-Z]\w*)\.([A-Z]\w*)\b`)
	identifier = regexp.MustCompile("`?\\b[A-Z]\\w*\\b")
)

// inJSON is a comment as those read it who see JSON and no Go: fields by the names of their members. owner is
// the struct whose fields stand there by themselves; "" for none.
func (c comments) inJSON(owner, text string) string {
	text = qualified.ReplaceAllStringFunc(text, func(found string) string {
		typeName, field, _ := strings.Cut(found, ".")
		member, ok := c.members[typeName][field]
		switch {
		case !ok:
			return found
		case typeName == "Meta": // stands beside every answer
			return "`meta." + member + "`"
		default:
			return "`" + member + "` of " + typeName
		}
	})
	return identifier.ReplaceAllStringFunc(text, func(word string) string {
		if member, ok := c.members[owner][word]; ok {
			return "`" + member + "`"
		}
		return word
	})
}
