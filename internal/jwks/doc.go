// Package jwks drops the keys of a JSON Web Key Set that a decoder does not understand. RFC 7517 §5
// requires that: providers publish keys of new kinds next to those that are in use, and decoders
// often refuse the whole set because of one of them.
//
// It may import no other package of this module.
package jwks
