# sipward_man_page(FILE)
#
# Builds and installs one manual page from scdoc text named PAGE.SECTION.scd, in the folder that calls. Without scdoc the
# build goes on and has no manual pages.
find_program(SCDOC scdoc)
if(NOT SCDOC)
  message(STATUS "scdoc was not found: no manual pages")
endif()

function(sipward_man_page file)
  if(NOT SCDOC)
    return()
  endif()
  cmake_path(GET file STEM LAST_ONLY page)
  string(REGEX MATCH "[0-9]$" section "${page}")
  if(NOT section)
    message(FATAL_ERROR "sipward_man_page(${file}): PAGE.SECTION.scd was expected")
  endif()
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${page})
  add_custom_command(OUTPUT ${output}
    COMMAND sh -c "\"$1\" <\"$2\" >\"$3.part\" && mv \"$3.part\" \"$3\"" -- ${SCDOC} ${source} ${output}
    DEPENDS ${source} VERBATIM COMMENT "Manual page ${page}")
  add_custom_target(man_${page} ALL DEPENDS ${output})
  install(FILES ${output} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT manual)
endfunction()
