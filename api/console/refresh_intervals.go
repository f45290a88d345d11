package console

import "fmt"

// refreshSeconds is how long a page that changes by itself stays before refresh.js fetches it again, by the page's template; "no script" is any
// such page that loads again without it.
func refreshSeconds(page string) (int, error) {
	switch page {
	case "ops-rebuild": // somebody waits for the end
		return 1, nil
	case "no script":
		return 2, nil
	case "connections": // the first reading is about to come
		return 3, nil
	case "ops-projections":
		return 5, nil
	case "ops-health", "ops-platforms":
		return 10, nil
	}
	return 0, fmt.Errorf("page %q has no interval", page)
}
