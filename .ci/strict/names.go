package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// imageForm is a reference of the distribution project: a name with optional tag and digest.
var imageForm = regexp.MustCompile(`^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)

// longest is the maximum length of a name: the API server, or a controller that adds a suffix,
// refuses longer ones.
var longest = map[string]int{"CronJob": 52}

// names returns what the API server would refuse although the types can be decoded: names, labels,
// selectors, annotations and images.
func names(kind string, object runtime.Object) (faults []string, err error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	metadata, _ := tree["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	if generated, ok := metadata["generateName"].(string); ok {
		name = generated + "abcde"
	}
	form := validation.IsDNS1123Label // also of objects that allow dots: pods, Services and labels are named after them
	if kind == "Service" {
		form = validation.IsDNS1035Label
	}
	faults = form(name)
	if most := longest[kind]; most > 0 && len(name) > most {
		faults = append(faults, fmt.Sprintf("must be no more than %d characters", most))
	}
	for i := range faults {
		faults[i] = fmt.Sprintf("%s %q: %s", kind, name, faults[i])
	}
	walk(tree, func(key string, value any) {
		at := field.NewPath(kind + " " + name + " " + key)
		var found field.ErrorList
		switch texts := textsOf(value); key {
		case "labels", "matchLabels", "selector":
			found = metavalidation.ValidateLabels(texts, at)
		case "annotations":
			for annotation := range texts {
				for _, fault := range validation.IsQualifiedName(annotation) {
					found = append(found, field.Invalid(at, annotation, fault))
				}
			}
		case "image":
			if image, ok := value.(string); ok && !imageForm.MatchString(image) {
				found = append(found, field.Invalid(at, image, "is not a reference of an image"))
			}
		}
		for _, fault := range found {
			faults = append(faults, fault.Error())
		}
	})
	slices.Sort(faults)
	return slices.Compact(faults), nil
}

// textsOf returns the strings of a map.
func textsOf(value any) map[string]string {
	texts := map[string]string{}
	entries, _ := value.(map[string]any)
	for key, value := range entries {
		if text, ok := value.(string); ok {
			texts[key] = text
		}
	}
	return texts
}

func walk(value any, visit func(key string, value any)) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			visit(key, inner)
			walk(inner, visit)
		}
	case []any:
		for _, inner := range value {
			walk(inner, visit)
		}
	}
}
