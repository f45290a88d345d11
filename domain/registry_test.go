package domain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// samplesOf returns the frozen samples of a type: <type>.json and <type>.<what>.json.
func samplesOf(t testing.TB, eventType string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", eventType+".*json"))
	require.NoError(t, err)
	samples := map[string][]byte{}
	for _, name := range names {
		samples[name], err = os.ReadFile(name)
		require.NoError(t, err)
	}
	return samples
}

// Every event version decodes forever. Samples are never changed; a new field gets an additional
// sample.
func TestFrozenSamples(t *testing.T) {
	t.Parallel()
	registry := domain.NewRegistry()
	for _, eventType := range registry.Types() {
		t.Run(eventType, func(t *testing.T) {
			t.Parallel()
			samples := samplesOf(t, eventType)
			require.Contains(t, samples, filepath.Join("testdata", eventType+".json"), "freeze a sample of this type")
			filled := map[string]bool{}
			var zero domain.Data
			for name, raw := range samples {
				data, err := registry.Decode(eventType, raw)
				require.NoError(t, err, name)
				require.Equal(t, eventType, data.EventType())
				again, err := json.Marshal(data)
				require.NoError(t, err)
				var compact bytes.Buffer
				require.NoError(t, json.Compact(&compact, raw))
				require.Equal(t, compact.String(), string(again), "%s comes out changed", name)
				noteFilled(reflect.ValueOf(data), "", filled)
				zero = data
			}
			for _, field := range fieldsOfType(reflect.TypeOf(zero), "") {
				require.True(t, filled[field], "no sample fills %s: a change of it would not be seen", field)
			}
		})
	}
}

// A sample whose type is not registered belongs to a version that was removed.
func TestEverySampleHasItsType(t *testing.T) {
	t.Parallel()
	names, err := os.ReadDir("testdata")
	require.NoError(t, err)
	types := domain.NewRegistry().Types()
	for _, entry := range names {
		name, isSample := strings.CutSuffix(entry.Name(), ".json")
		if !isSample {
			continue
		}
		base := name[:strings.LastIndex(name, ".v")+2]
		version, _, _ := strings.Cut(name[len(base):], ".")
		require.Contains(t, types, base+version, "%s was written once and must decode for ever", entry.Name())
	}
}

func TestRegistryRefusesInvalidPayloads(t *testing.T) {
	t.Parallel()
	registry := domain.NewRegistry()
	const category = "directory.category.v1"
	for name, c := range map[string]struct{ raw, want string }{
		"no JSON":               {`{"id":`, "unexpected EOF"},
		"nothing":               {``, "unexpected EOF"},
		"two values":            {`{}{}`, "after top-level value"},
		"another shape":         {`{"id":"four"}`, "unmarshal JSON"},
		"a number too large":    {`{"id":9223372036854775808}`, "unmarshal JSON"},
		"no UTF-8":              {"{\"name\":\"\xff\"}", "invalid UTF-8"},
		"a NUL byte":            {"{\"name\":\"a\x00b\"}", "NUL"},
		"an escaped NUL":        {`{"name":"a\u0000b"}`, "NUL"},
		"after a backslash":     {`{"name":"a\\\u0000b"}`, "NUL"},
		"a NUL in a key":        {`{"na\u0000me":"x"}`, "NUL"},
		"after one that is not": {`{"name":"\\u0000 \u0000"}`, "NUL"},
	} {
		_, err := registry.Decode(category, []byte(c.raw))
		require.ErrorContains(t, err, c.want, name)
		require.ErrorContains(t, err, category, name)
		require.NotErrorIs(t, err, domain.ErrUnknownType, name)
	}
	data, err := registry.Decode(category, []byte(`{"id":1,"name":"\\u0000"}`))
	require.NoError(t, err)
	require.Equal(t, domain.DirectoryCategory{ID: 1, Name: `\u0000`}, data, "an escaped backslash before u0000 is text")
	for _, unknown := range []string{"directory.category.v2", "DirectoryCategory"} { // names are never those of Go types
		_, err := registry.Decode(unknown, []byte(`{}`))
		require.ErrorIs(t, err, domain.ErrUnknownType)
		require.False(t, registry.Knows(unknown))
	}
}

// A payload is accepted or refused as a whole. An accepted payload can be encoded and decoded
// again.
func FuzzRegistryDecode(f *testing.F) {
	registry := domain.NewRegistry()
	types := registry.Types()
	for i, eventType := range types {
		for _, raw := range samplesOf(f, eventType) {
			f.Add(uint8(i), raw)
		}
	}
	f.Add(uint8(0), []byte(`null`))
	f.Add(uint8(0), []byte(`{"a":"\ud800"}`))
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		eventType := types[int(which)%len(types)]
		data, err := registry.Decode(eventType, raw)
		if err != nil {
			require.Nil(t, data)
			return
		}
		require.Equal(t, eventType, data.EventType())
		once, err := json.Marshal(data)
		require.NoError(t, err, "what decodes can be written")
		again, err := registry.Decode(eventType, once)
		require.NoError(t, err, "what was written decodes")
		twice, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		require.NotContains(t, string(once), `\u0000`, "PostgreSQL stores no NUL")
	})
}

// fieldsOfType returns the paths of all fields of a payload, including those of embedded and listed
// structs.
func fieldsOfType(typ reflect.Type, path string) []string {
	switch {
	case typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice:
		return fieldsOfType(typ.Elem(), path)
	case typ.Kind() != reflect.Struct || typ.PkgPath() == "time":
		return []string{path}
	}
	var fields []string
	for field := range typ.Fields() {
		if !field.IsExported() {
			continue // no part of the payload
		}
		fields = append(fields, fieldsOfType(field.Type, path+"."+field.Name)...)
	}
	return fields
}

func noteFilled(v reflect.Value, path string, filled map[string]bool) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		noteFilled(v.Elem(), path, filled)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			noteFilled(v.Index(i), path, filled)
		}
	case v.Kind() == reflect.Struct && v.Type().PkgPath() != "time":
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			noteFilled(v.Field(i), path+"."+v.Type().Field(i).Name, filled)
		}
	default:
		filled[path] = filled[path] || !v.IsZero()
	}
}

// An event is stored under a versioned type name and decoded by it, whichever release wrote it.
func ExampleRegistry() {
	registry := domain.NewRegistry()
	stored, err := registry.Encode(domain.DirectoryCategory{ID: 4, Name: "Events"})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := registry.Decode("directory.category.v1", stored)
	fmt.Printf("%s\n%+v %v\n", stored, data, err)
	_, err = registry.Decode("directory.category.v2", stored)
	fmt.Println(errors.Is(err, domain.ErrUnknownType), err)
	// Output:
	// {"id":4,"name":"Events"}
	// {ID:4 Name:Events} <nil>
	// true unknown event type "directory.category.v2"
}
