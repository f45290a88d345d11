package domain

import "slices"

// PointOfContactProducts are the product types whose orders make whoever is assigned to them a point of contact: the managed ones of the
// configuration, but for sites and listings, which nobody is asked about.
func PointOfContactProducts(managed []string) []string {
	return slices.DeleteFunc(slices.Clone(managed), func(product string) bool { return product == "site" || product == "listings" })
}
