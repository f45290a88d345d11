// Package pictures downloads the picture of a post from a platform's host and re-encodes it at a
// small size.
//
// # Invariants
//
//   - A picture is requested only from the platforms' hosts ([Config].Hosts), over HTTPS, on the
//     standard port. Redirects are not followed.
//   - Connections are made only to public IP addresses, regardless of DNS: the address is checked
//     when it is dialed, after the name was resolved.
//   - A response has at most 2 MiB, and downloading and decoding have a time limit. The number of
//     pixels is checked before decoding.
//   - The result is a newly encoded JPEG of at most 320 by 320 pixels. It contains no original
//     bytes, and no place, time or device that a camera recorded.
//   - No error contains a URL: the URLs of pictures are signed and identify the owner of the
//     picture.
//
// Of this module, the package may import only domain.
//
// # Not obvious
//
//   - Proxies from the environment are not used, because a proxy would resolve the name itself.
//   - A progressive JPEG may have very many scans, and the decoder processes all pixels for each: a
//     reader with a deadline stops the decoder.
//   - The decoder is selected by the content of a response, because platforms do not set the
//     Content-Type reliably.
package pictures
