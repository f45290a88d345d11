package api

import (
	"slices"
	"strings"
)

// operationNames names the operations as a frontend calls their functions: getAccountInsights, putDashboard. Those
// that differ in their parameters alone say them (getMembersTopPostsByMemberIdByCId), but for one that has
// none. A name is stable as long as the path is.
func operationNames(table []route) map[string]string {
	same := map[string]int{}
	for _, r := range table {
		same[operationName(r)]++
	}
	names := map[string]string{}
	for _, r := range table {
		name := []string{operationName(r)}
		if same[name[0]] > 1 {
			name = append(name, capitals("By", pathNames(r.pattern))...)
		}
		names[r.method+r.pattern] = strings.Join(name, "")
	}
	return names
}

// operationName is the method and what of a pattern is neither a parameter nor a mere place.
func operationName(r route) string {
	words := strings.FieldsFunc(r.pattern, func(c rune) bool { return strings.ContainsRune("/-.*", c) })
	words = slices.DeleteFunc(words, func(word string) bool {
		return word[0] == '{' || slices.Contains([]string{"auth", "api", "reach", "projects"}, word)
	})
	if r.about.tag == tagAnalytics && !strings.HasPrefix(r.pattern, "/auth/") {
		words = append(words, "atRoot")
	}
	method := strings.ToLower(r.method)
	words[0] = strings.TrimPrefix(words[0], method)
	return method + strings.Join(capitals("", words), "")
}

func capitals(before string, words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = before + strings.ToUpper(word[:1]) + word[1:]
	}
	return out
}
