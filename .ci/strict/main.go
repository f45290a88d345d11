// Command strict decodes Kubernetes manifests from standard input into the types of the Kubernetes
// API and refuses unknown fields, and names, labels and images that the API server would refuse. It skips manifests of the Prometheus operator.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	kinds, err := check(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "strict:", err)
		os.Exit(1)
	}
	fmt.Println(strings.Join(kinds, " "))
}

func check(r io.Reader) (kinds []string, err error) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(r))
	for {
		raw, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return kinds, nil
		}
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(withoutComments(string(raw))) == "" ||
			strings.Contains(string(raw), "\napiVersion: monitoring.coreos.com/") {
			continue
		}
		object, kind, err := decoder.Decode(raw, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, raw)
		}
		faults, err := names(kind.Kind, object)
		if err != nil {
			return nil, err
		}
		if len(faults) > 0 {
			return nil, errors.New(strings.Join(faults, "\n"))
		}
		kinds = append(kinds, kind.Kind)
	}
}

func withoutComments(document string) string {
	var lines []string
	for line := range strings.Lines(document) {
		if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "---" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}
