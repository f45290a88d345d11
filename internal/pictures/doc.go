// Package pictures downloads the picture of a post from a platform's host and re-encodes it at a
// small size.
//
// # Invariants
//
//   - A picture is requested only from the platforms' hosts ([Config].Hosts), over HTTPS, at the
//     standard port. Redirects are not followed.
//   - Connections are made to public addresses only, whatever a name resolves to: the address is
//     checked when it is dialed, and the name is not resolved again.
//   - An answer has at most 2 MiB and a time limit, and so does decoding. The number of pixels is
//     checked before decoding.
//   - The result is a JPEG of our own encoding, at most 320 pixels in each direction. It contains
//     no original bytes, and no place, time or device recorded by a camera.
//   - No error contains a URL: the URLs of pictures are signed and identify their owner.
//
// The package may import no other package of this module except domain.
//
// # Not obvious
//
//   - Proxies from the environment are not used: a proxy would resolve the name itself.
//   - A picture may be a progressive JPEG with very many scans, and each costs all of its pixels:
//     the reader has a deadline that stops the decoder.
//   - The content selects the decoder, not the header: platforms name types inconsistently.
package pictures
