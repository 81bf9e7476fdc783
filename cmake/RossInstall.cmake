# What `cmake --install` lays down: the programs, and with ROSS_DOCS their manual pages and the shells' completions. Both are
# printed by the programs from the tables that also make --help (docs/man/render.py adds the prose of docs/man).
include(GNUInstallDirs)
option(ROSS_DOCS "make manual pages and completions (runs the programs)" OFF)

install(TARGETS ross-cli ross-contentd ross-snapshotter containerd-shim-ross-v2 RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

if(ROSS_DOCS)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(out ${CMAKE_BINARY_DIR}/docs)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.md)
  add_custom_command(
    OUTPUT ${out}/done
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${out}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/docs/man/render.py --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} --out ${out}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/done
    DEPENDS ross-cli ross-contentd ross-snapshotter containerd-shim-ross-v2 ${CMAKE_SOURCE_DIR}/docs/man/render.py ${sources}
    COMMENT "manual pages and completions" VERBATIM)
  add_custom_target(ross-docs ALL DEPENDS ${out}/done)
  install(DIRECTORY ${out}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${out}/completion/ross-cli.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ross-cli)
  install(FILES ${out}/completion/_ross-cli DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${out}/completion/ross-cli.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
if(ROSS_TESTS)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_test(NAME man_render_self COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/docs/man/render.py --self)
endif()
