// Package download keeps copies on disk of lists that come from https:// and
// brings them up to date.
//
// A Refresher fetches each list when its interval is over, conditionally (RFC
// 9110 section 13), and replaces the copy only by a text that is a list: what is
// refused leaves the last good copy in use, and the fetch is tried again. Without
// network the copies of the last run serve. A fetch knows what the folder has at
// its start, not what it had: a copy that was edited, damaged or removed is
// fetched anew.
//
// # Lists that move
//
// A list that is configured with another URL keeps the copy it had from the one
// before until the first good copy has come from the new one, over restarts too: a
// mistyped URL does not empty a list. The two have nothing else to do with each
// other: the new URL is asked for its whole text, which may be of any size. A
// minute after it has come the former copy is removed, or at the next Start. Of
// several former copies the one checked last is used. The metadata says whose a
// copy is, not the name of its file.
//
// # Lists that shrink
//
// A text with fewer than 60 % of the rules of the copy from its URL is refused, as a
// list that was cut or emptied by mistake would be, every time until it grows
// again or an operator accepts it. To accept it, remove the copy, which the error
// names: the next fetch has nothing to compare with.
//
// # The folder
//
// Each list has two files there, <name>-<hash>.list with the text as it came and
// <name>-<hash>.json with what is known of it; the hash is of name and URL, so
// that the texts of two URLs never get mixed up. Files are replaced by renaming,
// each whole or not at all. The pair is not replaced at once: after a crash between
// them the .json is not that of the text, which its SHA-256 shows, and counts as
// missing. So two processes may use one folder and never see a damaged copy. They
// should keep the same lists, though, as each one removes the copies of lists and
// URLs that it does not have.
package download
