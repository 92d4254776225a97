# sipward_library(NAME SOURCES... [DEPENDS NAME...] [PACKAGES TARGET...] [INTERNAL TARGET...])
#
# One static library per lib/ folder, target `sipward::NAME`. Its headers are reached as "NAME/file.h" through an include
# directory that holds nothing else, so a folder can include only what it links: the DEPENDS lines in lib/CMakeLists.txt
# are the dependency rules, and the compiler enforces them.
#   DEPENDS   other lib/ folders, visible to users of this one
#   PACKAGES  external targets that appear in the headers
#   INTERNAL  external targets used by the .cc files alone
function(sipward_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PACKAGES;INTERNAL" ${ARGN})
  set(view ${PROJECT_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${view}/${name} SYMBOLIC)
  list(TRANSFORM arg_SOURCES PREPEND ${name}/)
  add_library(sipward_${name} STATIC ${arg_SOURCES})
  add_library(sipward::${name} ALIAS sipward_${name})
  target_include_directories(sipward_${name} PUBLIC ${view})
  list(TRANSFORM arg_DEPENDS PREPEND sipward::)
  target_link_libraries(sipward_${name} PUBLIC ${arg_DEPENDS} ${arg_PACKAGES} PRIVATE ${arg_INTERNAL})
endfunction()
