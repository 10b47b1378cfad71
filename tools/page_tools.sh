# What the tests of the page have from the npm registry, pinned: the checker of types, and axe. Sourced by
# test.sh.
# shellcheck shell=bash

# name version integrity (of the registry's tarball)
page_tools=(
	"typescript 5.9.3 sha512-jl1vZzPDinLr9eUt3J/t7V6FgNEw9QjvBPdysz9KfQDD41fQrC2Y4vKQdiaUpFT4bXlb1RHhLpp8wtm6M5TgSw=="
	"axe-core 4.14.1 sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

# page_tools_get FOLDER: FOLDER/<name>/... what their packages hold.
page_tools_get() {
	local folder=$1 line name version integrity tarball
	for line in "${page_tools[@]}"; do
		read -r name version integrity <<<"$line"
		[[ -e $folder/$name-$version ]] && continue
		mkdir -p "$folder" || return
		tarball=$(cd "$folder" && npm pack --silent "$name@$version") || { echo "npm pack $name@$version failed" >&2; return 1; }
		if [[ sha512-$(openssl dgst -sha512 -binary "$folder/$tarball" | base64 -w 0) != "$integrity" ]]; then
			echo "$name $version: not the package that was pinned" >&2
			return 1
		fi
		rm -rf "${folder:?}/$name"
		mkdir "$folder/$name" &&
			tar -xzf "$folder/$tarball" -C "$folder/$name" --strip-components=1 &&
			rm "$folder/$tarball" && : >"$folder/$name-$version" || return
	done
}
