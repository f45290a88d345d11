package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// What the tag brief of a member says: how it is told with meta=brief. Members without it stay as they are.
const (
	briefNever   = "-"        // left out: where a figure comes from, which the API document says too
	briefWhenSet = "omitzero" // left out where it is false or null: a doubt that there is not
	briefFigures = "figures"  // a list, of whose entries those without any figure are left out
)

// briefPlan is how an answer of a type is told with meta=brief: as a value of a type that encoding/json writes without
// the members that are left out.
type briefPlan struct {
	as     reflect.Type
	fields []briefField // of a struct; nil: it stays as it is
	inner  *briefPlan   // of what a list or a pointer holds; nil: it stays as it is
}

// briefField is a member that stays; those of embedded structs stand among the others.
type briefField struct {
	index   []int
	plan    *briefPlan
	figures bool // see [briefFigures]
}

func newBriefPlan(t reflect.Type) *briefPlan {
	plan := &briefPlan{as: t}
	switch {
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
	case t.Kind() == reflect.Slice:
		plan.inner = newBriefPlan(t.Elem())
		plan.as = reflect.SliceOf(plan.inner.as)
	case t.Kind() == reflect.Pointer:
		plan.inner = newBriefPlan(t.Elem())
		plan.as = reflect.PointerTo(plan.inner.as)
	case t.Kind() == reflect.Struct:
		var members []reflect.StructField
		plan.add(t, nil, &members)
		plan.as = reflect.StructOf(members)
	}
	return plan
}

// add adds the members of a struct that stands at index.
func (p *briefPlan) add(t reflect.Type, index []int, members *[]reflect.StructField) {
	for field := range t.Fields() {
		at := slices.Concat(index, field.Index)
		tag, how := field.Tag.Get("json"), field.Tag.Get("brief")
		switch {
		case field.Anonymous && tag == "":
			p.add(field.Type, at, members)
			continue
		case !field.IsExported() || how == briefNever:
			continue
		case how == briefWhenSet:
			tag += ",omitzero"
		}
		plan := newBriefPlan(field.Type)
		p.fields = append(p.fields, briefField{at, plan, how == briefFigures})
		*members = append(*members, reflect.StructField{
			Name: fmt.Sprintf("F%d", len(*members)), Type: plan.as, Tag: reflect.StructTag(fmt.Sprintf("json:%q", tag)),
		})
	}
}

// of returns a value of the type that was planned as it is told.
func (p *briefPlan) of(v reflect.Value) reflect.Value {
	out := reflect.New(p.as).Elem()
	switch {
	case p.fields != nil:
		for i, field := range p.fields {
			member := v.FieldByIndex(field.index)
			if field.figures {
				member = withFigures(member)
			}
			out.Field(i).Set(field.plan.of(member))
		}
	case p.inner == nil:
		out.Set(v)
	case v.IsNil():
	case v.Kind() == reflect.Pointer:
		out.Set(reflect.New(p.inner.as))
		out.Elem().Set(p.inner.of(v.Elem()))
	default:
		out.Set(reflect.MakeSlice(p.as, v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(p.inner.of(v.Index(i)))
		}
	}
	return out
}

// withFigures is a list without the entries that have no figure.
func withFigures(list reflect.Value) reflect.Value {
	some := reflect.MakeSlice(list.Type(), 0, list.Len())
	for i := range list.Len() {
		if entry := list.Index(i); hasFigure(entry) {
			some = reflect.Append(some, entry)
		}
	}
	return some
}

// hasFigure says whether a value holds a known figure: a number that could be null and is not, or a count above 0.
func hasFigure(v reflect.Value) bool {
	switch v.Type() {
	case reflect.TypeFor[domain.Platform](), reflect.TypeFor[time.Time]():
		return false
	}
	switch v.Kind() { //nolint:exhaustive // words and flags are no figures
	case reflect.Pointer:
		return !v.IsNil() && (v.Elem().Kind() != reflect.Struct || hasFigure(v.Elem()))
	case reflect.Struct:
		for _, member := range v.Fields() {
			if hasFigure(member) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if hasFigure(v.Index(i)) {
				return true
			}
		}
	case reflect.Int, reflect.Int64, reflect.Float64:
		return !v.IsZero()
	}
	return false
}
